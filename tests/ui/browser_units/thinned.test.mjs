import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Thinned } from '../../../playground/ui/live/thinned.js';
import { Timeline } from '../../../playground/ui/live/timeline.js';

const TOKENS = { x: 'own_s', y: 'tokens', keep: 'last', axis: 'x' };
const GAPS = { x: 'step', y: 'gap_ms', keep: 'extremes', axis: 'y' };

function even(count, gap = 10) {
  const made = new Timeline();
  for (let step = 1; step <= count; step += 1) made.push([step * gap, step, 'x']);
  return made;
}

test('lines have a bounded number of points, whatever their length', () => {
  for (const count of [1, 63, 64, 65, 1000, 4096]) {
    const [progress, gaps] = [TOKENS, GAPS].map((grows) => new Thinned(even(count), grows).upTo(count));
    assert.ok(progress.x.length <= 65 && gaps.x.length <= 130, `${count} steps`);
    assert.equal(progress.y.at(-1), count, 'the last step is there');
  }
});

test('no spike is lost when steps share a point', () => {
  const made = even(2000), late = 1234;
  for (let at = late; at < 2000; at += 1) made.times[at] += 500;
  const { x, y, largest } = new Thinned(made, GAPS).upTo(2000);
  assert.equal(largest, 510);
  assert.equal(y[x.indexOf(late + 1)], 510);
});

test('points that were drawn stay where they are while a bucket lasts', () => {
  const line = new Thinned(even(200), TOKENS), before = line.upTo(150), after = line.upTo(160);
  assert.deepEqual(after.x.slice(0, before.x.length - 1), before.x.slice(0, -1));
});

test('a replay that goes back draws what stood then', () => {
  for (const grows of [TOKENS, GAPS]) {
    const line = new Thinned(even(300), grows), once = new Thinned(even(300), grows).upTo(40);
    line.upTo(300);
    assert.deepEqual(line.upTo(40), once);
  }
});
