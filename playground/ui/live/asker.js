// Asks one question at a time: while an answer is on its way only the newest of further questions waits.
export class Asker {
  // `take` gets each answer (null: there was none) with what `put` was given beside the question.
  constructor(ask, take) {
    Object.assign(this, { request: ask, take, waiting: null, busy: false });
  }

  put(question, context) {
    this.waiting = { question, context };
    if (!this.busy) this.work();
  }

  async work() {
    this.busy = true;
    while (this.waiting) {
      const { question, context } = this.waiting;
      this.waiting = null;
      const answer = await this.request(question).catch(() => null);
      this.take(answer ?? null, context); // without a connection it may also be undefined
    }
    this.busy = false;
  }
}
