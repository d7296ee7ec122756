// @ts-check
// One line of a chart that grows: a lane's steps with up to MOST_POINTS points. Where steps share a point, the last is kept, or the
// smallest and the largest: then no spike is lost. Buckets are powers of two, so that points stay where they were drawn, and those that
// are full are not looked at again: a long answer costs no more than a short one.
/** @import { Grows } from './feed.d.ts' */
/** @import { Timeline } from './timeline.js' */
const MOST_POINTS = 64; // a chart is some 400 px wide

/** @typedef {(timeline: Timeline, step: number) => number | null} Value */
/** @typedef {{ x: number[], y: number[], largest: number }} Line */

// What a step has to show, as `report/charts/chart.py` names it; null: nothing.
/** @type {Record<Grows['x'], Value>} */
const SERIES = {
  own_s: (timeline, step) => timeline.times[step] / 1e3,
  tokens: (timeline, step) => timeline.tokens[step],
  step: (_, step) => step + 1,
  gap_ms: (timeline, step) => timeline.gap(step),
};

export class Thinned {
  /** @type {Timeline} */ timeline;
  /** @type {Value} */ x;
  /** @type {Value} */ y;
  /** @type {Value} */ along;
  /** @type {boolean} */ extremes;
  /** @type {number} */ bucket;
  /** @type {number} */ done;
  /** @type {Line} */ line;

  /** @param {Timeline} timeline @param {Grows} grows */
  constructor(timeline, { x, y, keep, axis }) {
    Object.assign(this, { timeline, x: SERIES[x], y: SERIES[y], extremes: keep === 'extremes', along: SERIES[axis === 'x' ? x : y] });
    this.begin(1);
  }

  begin(bucket) {
    Object.assign(this, { bucket, done: 0, line: { x: [], y: [], largest: 0 } });
  }

  // The first `steps` steps: their points, and the largest value on the axis that grows.
  upTo(steps) {
    if (steps < this.done) this.begin(1);
    while (steps / this.bucket > MOST_POINTS / (this.bucket > 1 ? 2 : 1)) this.begin(this.bucket * 2);
    for (; this.done + this.bucket <= steps; this.done += this.bucket) this.add(this.line, this.done + this.bucket - 1);
    const { x, y, largest } = this.line, line = { x: [...x], y: [...y], largest };
    if (this.done < steps) this.add(line, steps - 1);
    return line;
  }

  // The bucket from `done` to this step.
  /** @param {Line} line @param {number} last */
  add(line, last) {
    for (const step of this.extremes ? this.ends(last) : [last]) {
      line.x.push(this.x(this.timeline, step));
      line.y.push(this.y(this.timeline, step));
      line.largest = Math.max(line.largest, this.along(this.timeline, step));
    }
  }

  // The steps of the bucket's smallest and largest value.
  ends(last) {
    const value = (step) => this.y(this.timeline, step);
    let low = null, high = null;
    for (let step = this.done; step <= last; step += 1) {
      if (value(step) === null) continue;
      if (low === null || value(step) < value(low)) low = step;
      if (high === null || value(step) > value(high)) high = step;
    }
    return [...new Set([low, high])].filter((step) => step !== null).sort((a, b) => a - b);
  }
}
