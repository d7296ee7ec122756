import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Asker } from '../../../playground/ui/live/asker.js';

test('one question is on its way; of those that wait only the newest is asked', async () => {
  const asked = [], taken = [], answers = [];
  const ask = (question) => new Promise((done) => { asked.push(question); answers.push(done); });
  const asker = new Asker(ask, (answer, context) => taken.push([answer, context]));
  for (const question of [1, 2, 3]) asker.put(question, `of ${question}`);
  assert.deepEqual(asked, [1]);
  answers[0]('one');
  await new Promise(setImmediate);
  assert.deepEqual(asked, [1, 3]);
  answers[1]('three');
  await new Promise(setImmediate);
  assert.deepEqual(taken, [['one', 'of 1'], ['three', 'of 3']]);
});

test('what does not only pass is asked in its turn', async () => {
  const asked = [], asker = new Asker(async (question) => { asked.push(question); return 'yes'; }, () => {});
  for (const [question, passing] of [[1, true], [2, true], [3, false], [4, false], [5, true], [6, true]]) asker.put(question, null, passing);
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  assert.deepEqual(asked, [1, 3, 4, 6]);
});

test('a question that is not answered is told, and the next one is asked', async () => {
  const taken = [], asker = new Asker(() => Promise.reject(new Error('offline')), (answer) => taken.push(answer));
  asker.put(1);
  await new Promise(setImmediate);
  asker.put(2);
  await new Promise(setImmediate);
  assert.deepEqual(taken, [null, null]);
});
