import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Records } from '../../../playground/ui/live/records.js';

const line = (...records) => records.map((one) => `${JSON.stringify(one)}\n`).join('');

// A view that notes what it is given.
class View {
  constructor() { Object.assign(this, { taken: [], ended: false, lost: 0, left: 0 }); }

  take(record) {
    this.taken.push(record);
    this.ended = record.state === 'done';
  }

  lose() { this.lost += 1; }

  leave() { this.left += 1; }
}

// Answers in turn; null: the request fails.
function following(answers) {
  const view = new View(), asked = [], slept = [];
  const frames = async (request) => {
    asked.push(request);
    const answer = answers.shift();
    if (!answer) throw new Error('no connection');
    return answer;
  };
  const records = new Records(frames, view, async (ms) => { slept.push(ms); });
  return { view, asked, slept, records };
}

test('records are taken in order, each asked for once', async () => {
  const { view, asked, records } = following([
    { records: line({ n: 1 }, { n: 2 }), seen: 2, over: false, pause_s: 0 },
    { records: '', seen: 2, over: false, pause_s: 0 },
    { records: line({ state: 'done' }), seen: 3, over: true, pause_s: 0 },
  ]);
  await records.follow('key');
  assert.deepEqual(view.taken, [{ n: 1 }, { n: 2 }, { state: 'done' }]);
  assert.deepEqual(asked.map(({ seen }) => seen), [0, 2, 2]);
  assert.equal(view.lost, 0);
});

test('a request that fails is made again, later each time, from where it was', async () => {
  const { view, asked, slept, records } = following([
    { records: line({ n: 1 }), seen: 1, over: false, pause_s: 0 }, null, null,
    { records: line({ state: 'done' }), seen: 2, over: true, pause_s: 0 },
  ]);
  await records.follow('key');
  assert.deepEqual(asked.map(({ seen }) => seen), [0, 1, 1, 1]);
  assert.deepEqual(slept.slice(1), [250, 500]);
  assert.equal(view.lost, 0);
});

test('after nine failures in a row the connection is lost', async () => {
  const { view, asked, records } = following([]);
  await records.follow('key');
  assert.equal(asked.length, 9);
  assert.equal(view.lost, 1);
});

test('a stream that is over before its run ended is of a server that was started anew', async () => {
  const { view, records } = following([{ records: '', seen: 0, over: true, pause_s: 0 }]);
  await records.follow('key');
  assert.equal(view.lost, 1);
});

test('an answer that comes after another run was chosen is not taken', async () => {
  const { view, records } = following([{ records: line({ n: 1 }), seen: 1, over: false, pause_s: 0 }]);
  const done = records.follow('old');
  records.leave();
  await done;
  assert.deepEqual(view.taken, []);
  assert.deepEqual([view.left, view.lost], [1, 0]);
});

test('the pause the server asks for is kept', async () => {
  const { slept, records } = following([
    { records: '', seen: 0, over: false, pause_s: 5 }, { records: line({ state: 'done' }), seen: 1, over: true, pause_s: 5 },
  ]);
  await records.follow('key');
  assert.ok(slept[0] > 4000 && slept[0] <= 5000);
});
