import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timeline, changed } from '../../../playground/ui/live/timeline.js';

function timeline(steps) {
  const made = new Timeline();
  for (const step of steps) made.push(step);
  return made;
}

test('a step that says one text appends it to the first row; one that says nothing changes nothing', () => {
  const { changes } = timeline([[10, 1, 'a'], [20, 2], [30, 3, [[1, 2, 'b']]]]);
  assert.deepEqual(changes, [[[0, null, 'a']], [], [[1, 2, 'b']]]);
});

test('steps are over at their time, not before', () => {
  const made = timeline([[10, 1], [20, 2], [20, 3], [50, 4]]);
  assert.deepEqual([0, 9.9, 10, 20, 49, 50, 99].map((ms) => made.stepsAt(ms)), [0, 0, 1, 3, 3, 4, 4]);
  assert.equal(made.end, 50);
  assert.equal(timeline([]).end, 0);
});

test('characters are counted by code point', () => {
  assert.equal(changed('a😀b', 2, 'c'), 'a😀c');
  assert.equal(changed('ab', null, 'c'), 'abc');
});
