// @ts-check
// Asks one question at a time. While an answer is on its way, of questions that only pass (a target that moves) the newest waits.
/** @import { TargetTable, WrongLimit } from './feed.d.ts' */

export class Asker {
  /** @type {(question: object) => Promise<TargetTable | WrongLimit>} */ request;
  /** @type {(answer: TargetTable | WrongLimit | null, context: object) => void} */ take;
  /** @type {{ question: object, context: object, passing: boolean }[]} */ waiting;
  /** @type {boolean} */ busy;

  // `take` gets each answer (null: there was none) with what `put` was given beside the question.
  constructor(ask, take) {
    Object.assign(this, { request: ask, take, waiting: [], busy: false });
  }

  put(question, context, passing = true) {
    if (this.waiting.at(-1)?.passing) this.waiting.pop();
    this.waiting.push({ question, context, passing });
    if (!this.busy) this.work();
  }

  async work() {
    this.busy = true;
    while (this.waiting.length) {
      const { question, context } = this.waiting.shift();
      const answer = await this.request(question).catch(() => null);
      this.take(answer ?? null, context); // without a connection it may also be undefined
    }
    this.busy = false;
  }
}
