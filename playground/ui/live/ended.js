// The charts of repeats that have ended: where the time went, and every lane's time as a multiple of the baseline's.
import { PHASES } from './card.js';

const SPANS = [
  [2, [0.5, 0.7, 1, 1.4, 2]], [5, [0.2, 0.5, 1, 2, 5]], [20, [0.05, 0.2, 1, 5, 20]], [100, [0.01, 0.1, 1, 10, 100]],
  [10_000, [1e-4, 0.01, 1, 100, 1e4]],
];
const BESIDE = 1.42; // the axis goes on beyond its last tick, for the figures

// How each is coloured, of a palette and the lanes' colours: what Plotly's `update` takes.
export const ENDED = {
  parts: ({ ink, muted }, mine, look) => {
    const tints = [muted, mine, mine, muted];
    return [{ 'marker.color': tints, 'marker.line.color': tints, 'textfont.color': ink }, look, [0, 1, 2, 3]];
  },
  against: ({ ink, muted }, mine, look) => {
    const place = { xref: 'x', yref: 'paper', x0: 1, x1: 1, y0: 0, y1: 1 };
    const one = { ...place, type: 'line', layer: 'between', line: { color: muted, width: 1.5 } };
    const colours = { 'marker.color': [...mine, ink], 'error_x.color': [...mine, undefined], 'textfont.color': ink };
    return [colours, { ...look, shapes: [one] }, [...mine.keys(), mine.length]];
  },
};

export class Ended {
  constructor(charts) {
    this.charts = charts;
    this.begin();
  }

  begin() {
    Object.assign(this, { parts: [], wholes: [], points: [] });
    this.soil('parts', 'against');
  }

  soil(...names) {
    this.changed = new Set([...(this.changed || []), ...names]);
  }

  take(index, change) {
    if ('phases' in change) this.parts[index] = change.phases;
    if ('phases_e2e' in change) this.wholes[index] = change.phases_e2e;
    if ('against' in change) this.points[index] = change.against;
    if ('phases_e2e' in change || ('phases' in change && this.wholes[index])) this.soil('parts');
    if ('against' in change) this.soil('against');
  }

  // One at a time, so that the page answers in between; `all`: both, now. True while one is left.
  draw(all) {
    for (const name of all ? [...this.changed] : [...this.changed].slice(0, 1)) {
      this.changed.delete(name);
      if (name === 'parts') this.drawParts(); else this.drawAgainst();
    }
    return this.changed.size > 0;
  }

  drawParts() {
    const { run } = this.charts, lanes = [...run.lanes.keys()];
    const parts = lanes.map((lane) => (this.wholes[lane] ? this.parts[lane] : []));
    this.charts.grow('parts', 'xaxis', Math.max(0, ...parts.map((one) => one.reduce((sum, [ms]) => sum + ms, 0))), 1.2);
    this.charts.restyle('parts', {
      x: PHASES.map((_, at) => parts.map((one) => one[at]?.[0] ?? null)),
      customdata: PHASES.map((name, at) => parts.map((one) => `${name} ${one[at]?.[1]}`)),
      text: PHASES.map((_, at) => lanes.map((lane) => (at === PHASES.length - 1 ? this.wholes[lane] || '' : ''))),
    }, [...PHASES.keys()]);
  }

  // The axis spans as much to the left of 1 as to the right, and narrows with the intervals: those of two repeats are very wide.
  drawAgainst() {
    const { run, divs } = this.charts, { layout } = divs.against, names = run.figures.against.layout.yaxis.categoryarray;
    const points = names.map((_, lane) => (this.points[lane]?.length ? this.points[lane] : null));
    const ratios = points.flatMap((point) => (point ?? []).slice(0, 3).filter(Boolean));
    const far = Math.max(1, ...ratios.map((one) => Math.max(one, 1 / one)));
    const [most, ticks] = SPANS.find(([most]) => far <= most) ?? SPANS.at(-1), end = Math.log10(most);
    const axis = { range: [-1.02 * end, BESIDE * end], tickvals: ticks, ticktext: ticks.map((one) => `${one}×`) };
    Object.assign(layout.xaxis, axis);
    const each = (of) => points.map((point, lane) => (point ? [of(point, lane)] : []));
    this.charts.restyle('against', {
      x: [...each(([ratio]) => ratio), points.map((point) => point && 10 ** (BESIDE * end))],
      y: [...each((_, lane) => names[lane]), names],
      text: [...points.map(() => undefined), points.map((point) => point?.[3] ?? '')],
      customdata: [...each((point) => point[4]), undefined],
      'error_x.array': [...each(([ratio, , high]) => (high === null ? null : high - ratio)), undefined],
      'error_x.arrayminus': [...each(([ratio, low]) => (low === null ? null : ratio - low)), undefined],
    }, [...names.keys(), names.length]);
  }
}
