// @ts-check
// Asks for a run's records, frame by frame, and hands them on. A slow browser gets fewer, larger frames and falls behind no further.
/** @import { Answer } from './feed.d.ts' */
/** @import { LiveView } from './view.js' */
const PATIENCE = 8; // failed requests in a row until the connection is called lost
const RETRY_MS = 250; // after the first of them; longer with each

const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });

export class Records {
  /** @type {(question: { key: string, seen: number }) => Promise<Answer>} */ frames;
  /** @type {Pick<LiveView, 'take' | 'ended' | 'lose' | 'leave'>} */ view;
  /** @type {(ms: number) => Promise<unknown>} */ sleep;
  /** @type {string | null} */ key;

  // `frames` answers `{ key, seen }`; `view` takes records and says when none follow.
  constructor(frames, view, sleep = wait) {
    Object.assign(this, { frames, view, sleep, key: null });
  }

  // Until the run is over, another is followed, or the connection is lost.
  async follow(key) {
    let seen = 0, failures = 0;
    this.key = key;
    while (this.key === key) {
      const began = performance.now();
      const answer = await this.frames({ key, seen }).catch(() => null); // without a connection it may also be undefined
      if (this.key !== key) return;
      failures = answer ? 0 : failures + 1;
      seen = answer?.seen ?? seen;
      if (answer) this.read(answer.records);
      if (answer?.over) return this.view.ended ? undefined : this.view.lose(); // not at its end: a server that was started anew
      if (failures > PATIENCE) return this.view.lose();
      await this.sleep(answer ? Math.max(0, answer.pause_s * 1e3 - (performance.now() - began)) : RETRY_MS * failures);
    }
  }

  // JSON, a line each.
  read(lines) {
    for (const line of lines.split('\n')) if (line) this.view.take(JSON.parse(line));
  }

  leave() {
    this.key = null;
    this.view.leave();
  }
}
