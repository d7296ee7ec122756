import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timeline, changed } from '../../../playground/ui/live/timeline.js';

function timeline(steps) {
  const made = new Timeline();
  for (const step of steps) made.push(step);
  return made;
}

const even = (count, gap = 10) => timeline(Array.from({ length: count }, (_, at) => [(at + 1) * gap, at + 1, 'x']));

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

test('lines have a bounded number of points, whatever their length', () => {
  for (const count of [1, 63, 64, 65, 1000, 4096]) {
    const { progress, gaps } = even(count).thinned.upTo(count);
    assert.ok(progress.x.length <= 65 && gaps.x.length <= 130, `${count} steps`);
    assert.equal(progress.y.at(-1), count, 'the last step is there');
  }
});

test('no spike is lost when steps share a point', () => {
  const made = even(2000), late = 1234;
  for (let at = late; at < 2000; at += 1) made.times[at] += 500;
  const { gaps, largest } = made.thinned.upTo(2000);
  assert.equal(largest, 510);
  assert.equal(gaps.y[gaps.x.indexOf(late + 1)], 510);
});

test('points that were drawn stay where they are while a bucket lasts', () => {
  const { thinned } = even(200), before = thinned.upTo(150).progress, after = thinned.upTo(160).progress;
  assert.deepEqual(after.x.slice(0, before.x.length - 1), before.x.slice(0, -1));
});

test('a replay that goes back draws what stood then', () => {
  const made = even(300), once = even(300).thinned.upTo(40);
  made.thinned.upTo(300);
  assert.deepEqual(made.thinned.upTo(40), once);
});

test('characters are counted by code point', () => {
  assert.equal(changed('a😀b', 2, 'c'), 'a😀c');
  assert.equal(changed('ab', null, 'c'), 'abc');
});
