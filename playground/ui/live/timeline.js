// @ts-check
// What one lane did in its first counted repeat, step by step, on its own clock: enough to draw it, and to play it again.
/** @import { LaneChanges } from './feed.d.ts' */

export class Timeline {
  constructor() {
    this.times = []; // ms
    this.tokens = []; // standing after the step, all rows
    this.longest = []; // of these, those of the row that has most
    /** @type {[number, number | null, string][][]} */
    this.changes = []; // per step: [row, keep, text]…; keep: how many characters stand, null for all
  }

  /** @param {LaneChanges['steps'][number]} step */
  push([t, tokens, change = []]) {
    const [all, longest = all] = [tokens].flat(); // of a lane of one row a number
    this.times.push(t);
    this.tokens.push(all);
    this.longest.push(longest);
    this.changes.push(typeof change === 'string' ? [[0, null, change]] : change);
  }

  get end() { return this.times.at(-1) ?? 0; }

  gap(step) { return step ? this.times[step] - this.times[step - 1] : null; }

  // How far its longest row is after so many steps, in tokens.
  placeAt(steps) { return steps ? this.longest[steps - 1] : 0; }

  // How many steps were over at this time.
  stepsAt(ms) {
    let low = 0, high = this.times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle] <= ms) low = middle + 1; else high = middle;
    }
    return low;
  }
}

// Characters are counted as Python counts them: by code point.
/** @param {string} text @param {number | null} keep @param {string} tail */
export function changed(text, keep, tail) {
  return (keep === null ? text : [...text].slice(0, keep).join('')) + tail;
}
