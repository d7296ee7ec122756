// What one lane did in its first counted repeat, step by step, on its own clock: enough to draw it, and to play it again.
export class Timeline {
  constructor() {
    this.times = []; // ms
    this.tokens = []; // standing after the step, all rows
    this.longest = []; // of these, those of the row that has most
    this.thinned = new Thinned(this);
    this.changes = []; // per step: [row, keep, text]…; keep: how many characters stand, null for all
  }

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

// A timeline's two lines with up to MOST_POINTS points each. Where steps share a point, the line of tokens keeps the last, and the
// gaps keep the smallest and the largest: no spike is lost. Buckets are powers of two, so that points stay where they were drawn, and
// those that are full are not looked at again: a long answer costs no more than a short one.
const MOST_POINTS = 64; // a chart is some 400 px wide

class Thinned {
  constructor(timeline) {
    this.timeline = timeline;
    this.begin(1);
  }

  begin(bucket) {
    Object.assign(this, { bucket, done: 0, largest: 0, progress: { x: [], y: [] }, gaps: { x: [], y: [] } });
  }

  // The first `steps` steps.
  upTo(steps) {
    if (steps < this.done) this.begin(1);
    while (steps / this.bucket > MOST_POINTS / (this.bucket > 1 ? 2 : 1)) this.begin(this.bucket * 2);
    for (; this.done + this.bucket <= steps; this.done += this.bucket) this.add(this, this.done + this.bucket - 1);
    const copy = ({ x, y }) => ({ x: [...x], y: [...y] });
    const lines = { progress: copy(this.progress), gaps: copy(this.gaps), largest: this.largest };
    if (this.done < steps) this.add(lines, steps - 1);
    return lines;
  }

  // The bucket from `done` to this step.
  add(lines, last) {
    const { timeline } = this;
    lines.progress.x.push(timeline.times[last] / 1e3);
    lines.progress.y.push(timeline.tokens[last]);
    let low = Math.max(this.done, 1), high = low;
    if (low > last) return;
    for (let step = low + 1; step <= last; step += 1) {
      if (timeline.gap(step) < timeline.gap(low)) low = step;
      if (timeline.gap(step) > timeline.gap(high)) high = step;
    }
    lines.largest = Math.max(lines.largest, timeline.gap(high));
    for (const step of low === high ? [low] : [Math.min(low, high), Math.max(low, high)]) {
      lines.gaps.x.push(step + 1);
      lines.gaps.y.push(timeline.gap(step));
    }
  }
}

// Characters are counted as Python counts them: by code point.
export function changed(text, keep, tail) {
  return (keep === null ? text : [...text].slice(0, keep).join('')) + tail;
}
