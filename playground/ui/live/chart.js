// @ts-check
// One chart. Its figure comes from the server and is drawn whole when it changes; of one that grows, the lanes' lines are drawn from their
// steps in between. It knows how it grows and where a target's line stands, and nothing of what it shows.
import { Thinned } from './thinned.js';
/** @import { ChartRecord, FigureChange, LimitRecord, TargetLine } from './feed.d.ts' */
/** @import { Plot } from '../shared/page.d.ts' */
/** @import { Card } from './card.js' */
/** @import { Paint } from './paint.js' */
/** @import { Run } from './view.js' */

/** @typedef {{ title: string, ends: Record<string, number[]> }} Lines A target's name, and by limit where its lines stand. */

const CONFIG = { displayModeBar: false, responsive: true };
const PNG = { format: 'png', scale: 2, width: 720, height: 400 };

export class Chart {
  /** @type {string} */ name;
  /** @type {Plot} */ div;
  /** @type {ChartRecord['figure']} */ figure;
  /** @type {ChartRecord['grows']} */ grows;
  /** @type {Thinned[]} */ lines;
  /** @type {Card[]} */ cards;
  /** @type {(TargetLine & LimitRecord) | null} */ target;
  /** @type {Lines | null} */ aimed;
  /** @type {Set<number>} */ soiled;
  /** @type {boolean} */ whole;
  /** @type {number} */ largest;
  /** @type {number | null} */ upTo;
  /** @type {string} */ muted;
  /** @type {{ shapes: object[], annotations: object[] }} */ own;

  constructor(name, div) {
    Object.assign(this, { name, div, figure: null, soiled: new Set(), whole: false });
  }

  /** @param {ChartRecord} record @param {Card[]} cards @param {Run} run */
  begin({ figure, grows, target }, cards, run) {
    const lines = grows ? cards.map(({ timeline }) => new Thinned(timeline, grows)) : [];
    const limit = target ? run.targets.limits.find(({ key }) => key === target.limit) : null;
    Object.assign(this, { figure, grows, lines, cards, target: target && { ...target, ...limit }, aimed: null, whole: true, largest: 0 });
    this.soiled.clear();
  }

  // ---- what has changed ----

  // By trace and field; a list: all traces anew.
  /** @param {FigureChange} change */
  update({ data = {}, layout = {} }) {
    if (Array.isArray(data)) this.figure.data = data;
    else for (const [at, fields] of Object.entries(data)) Object.assign(this.figure.data[at], fields);
    Object.assign(this.figure.layout, layout);
    this.whole = true;
  }

  soil(lanes) {
    for (const lane of this.grows ? lanes : []) this.soiled.add(lane);
  }

  get waits() { return this.whole || this.soiled.size > 0; }

  // ---- drawing ----

  // `upTo`: in a replay, the steps up to this time in ms; null: all there are.
  /** @param {Paint} paint @param {number | null} upTo */
  draw(paint, upTo) {
    this.upTo = upTo;
    if (this.whole) this.redraw(paint); else this.grow();
    this.whole = false;
    this.soiled.clear();
  }

  /** @param {Paint} paint */
  redraw(paint) {
    this.muted = paint.palette.muted;
    const { data, layout } = paint.painted(this.figure), { shapes = [], annotations = [] } = layout;
    this.grown(this.lines.keys()).forEach(({ x, y }, lane) => Object.assign(data[lane], { x, y }));
    for (const axis of ['x', 'y']) Object.assign(layout[`${axis}axis`], this.range(axis));
    this.own = { shapes, annotations };
    window.Plotly.react(this.div, data, { ...layout, ...this.marks(layout) }, CONFIG);
  }

  grow() {
    const lanes = [...this.soiled], lines = this.grown(lanes);
    Object.assign(this.div.layout[`${this.grows.axis}axis`], this.range(this.grows.axis));
    window.Plotly.restyle(this.div, { x: lines.map(({ x }) => x), y: lines.map(({ y }) => y) }, lanes);
  }

  // The lines of these lanes, to where they are shown.
  grown(lanes) {
    const steps = ({ timeline }) => (this.upTo === null ? timeline.times.length : timeline.stepsAt(this.upTo));
    const lines = [...lanes].map((lane) => this.lines[lane].upTo(steps(this.cards[lane])));
    this.largest = Math.max(this.largest, ...lines.map(({ largest }) => largest));
    return lines;
  }

  // An axis as it came, or longer for the lines and the target; in steps, so that nothing creeps.
  range(axis) {
    const { range, type } = this.figure.layout[`${axis}axis`];
    if (!range || range[1] < range[0]) return {};
    const log = type === 'log', [low, high] = range, first = log ? 10 ** high : high;
    const lines = this.grows?.axis === axis ? this.largest * this.grows.room : 0, target = this.target?.axis === axis ? this.targetEnd : 0;
    const end = Math.max(0, ...[lines, target].filter((one) => one > first).map(roundUp));
    return { range: end ? [low, log ? Math.log10(end) : end] : range, autorange: false };
  }

  resize() {
    window.Plotly.Plots.resize(this.div);
  }

  // ---- the target, on the charts it is about ----

  // Axes begin anew: what grew for the target before need not stay.
  aim(target) {
    if (!this.target) return;
    this.aimed = target;
    this.whole = true;
  }

  // While it moves: the lines alone, on axes that stay.
  move(target) {
    const before = JSON.stringify(this.marks(this.div.layout));
    this.aimed = target;
    const marks = this.marks(this.div.layout);
    if (JSON.stringify(marks) !== before) window.Plotly.relayout(this.div, marks);
  }

  // Where its lines stand; of a span, both ends.
  get ends() { return (this.target && this.aimed?.ends[this.target.limit]) ?? []; }

  get targetEnd() { return (this.ends.at(-1) ?? 0) * 1.1; }

  // The figure's own shapes, and the target's lines with its name.
  marks(layout) {
    const { shapes, annotations } = this.own;
    if (!this.ends.length) return { shapes, annotations };
    const label = this.label(this.ends[0], layout[`${this.target.axis}axis`].range[1]);
    return { shapes: [...shapes, ...this.ends.map((end) => this.targetLine(end))], annotations: [...annotations, label] };
  }

  targetLine(end) {
    const style = { type: 'line', layer: 'above', line: { color: this.muted, width: 1.5, dash: 'dash' } };
    return this.target.axis === 'x'
      ? { ...style, xref: 'x', yref: 'paper', x0: end, x1: end, y0: 0, y1: 1 }
      : { ...style, xref: 'paper', yref: 'y', x0: 0, x1: 1, y0: end, y1: end };
  }

  // Its name alone over a span; the whole name stands beside the fields.
  label(end, axisEnd) {
    const [title] = this.aimed.title.split(','), text = this.ends.length > 1 ? title : `${title}, ${number(end)} ${this.target.unit}`;
    const style = { text, showarrow: false, font: { size: 10, color: this.muted } };
    if (this.target.axis === 'y') return { ...style, x: 1, xref: 'paper', y: end, yref: 'y', xanchor: 'right', yanchor: 'bottom' };
    const past = end > axisEnd / 2; // then there is more room on its other side
    return { ...style, x: end, xref: 'x', y: 1, yref: 'paper', xanchor: past ? 'right' : 'left', yanchor: 'bottom', yshift: -4 };
  }

  // ---- as a file: alone, it names lanes in full ----

  async save({ palette }) {
    const { surface } = palette;
    /** @type {Record<string, any>} */
    const layout = { ...this.div.layout, paper_bgcolor: surface, plot_bgcolor: surface };
    if (layout.yaxis.tickvals) layout.yaxis = { ...layout.yaxis, ticktext: layout.yaxis.tickvals };
    await window.Plotly.downloadImage({ data: this.div.data, layout }, { ...PNG, filename: `latency-playground-${this.name}` });
  }
}

const number = (value) => value.toLocaleString('en-US', { maximumFractionDigits: 6 });

function roundUp(largest) {
  const power = 10 ** Math.floor(Math.log10(largest));
  return power * [1, 2, 3, 5, 7, 10].find((step) => step * power >= largest);
}
