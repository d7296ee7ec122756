// The six Plotly charts. Drawn from the lanes' timelines a few times a second; the cost of a frame does not grow with their length.
import { find } from '../shared/dom.js';
import { isDark, onStage } from '../shared/look.js';
import { ENDED, Ended } from './ended.js';
import { limitNumber } from './judge.js';

const LEAST_S = 0.001; // where the axis of the swaps begins
const CHART_MS = 100; // the two line charts are drawn in turn, so that neither holds up the text for long

// A target's lines: axis, field, per second, unit.
export const AIMED = {
  ttft: ['x', 'ttft_s', 1e3, 'ms'], progress: ['x', 'e2e_s', 1, 's'], gaps: ['y', 'tpot_s', 1e3, 'ms'],
};

export class Charts {
  constructor(root) {
    const boxes = [...root.querySelectorAll('.lp-chart')];
    this.divs = Object.fromEntries(boxes.map((box) => [box.dataset.chart, find('.lp-plot', box)]));
    this.drawn = false;
    this.onDrawn = () => {};
    this.timer = 0;
    this.limits = {};
    this.ended = new Ended(this);
    this.font = getComputedStyle(root).fontFamily;
    for (const box of boxes) find('.lp-png', box).addEventListener('click', () => this.save(box.dataset.chart));
  }

  // Instead of the charts.
  complain(sentence) {
    for (const div of Object.values(this.divs)) div.textContent = sentence;
  }

  begin(run, cards) {
    this.dirty = { progress: new Set(), gaps: new Set() }; // what the run before left undrawn may be of a lane that is gone
    Object.assign(this, { run, cards, limits: {}, upTo: null, marks: {} });
    this.bars = { changed: true, ms: [], text: [] };
    this.swaps = { changed: true, loads: [] };
    this.soil(...cards.keys());
    this.ended.begin();
    this.draw();
  }

  draw() {
    if (!window.Plotly || !this.run) return;
    const config = { displayModeBar: false, responsive: true };
    for (const [name, div] of Object.entries(this.divs)) {
      const { data, layout } = structuredClone(this.run.figures[name]);
      window.Plotly.react(div, data, layout, config);
      window.Plotly.Plots.resize(div); // more lanes, more height
    }
    this.drawn = true;
    this.soil(...this.cards.keys());
    this.colour();
    this.flush();
    this.onDrawn();
  }

  soil(...lanes) {
    for (const dirty of Object.values(this.dirty)) for (const lane of lanes) dirty.add(lane);
  }

  take(index, change) {
    if (change.steps) this.soil(index);
    if ('ttft_ms' in change) { this.bars.ms[index] = change.ttft_ms; this.bars.changed = true; }
    if ('ttft' in change) {
      this.bars.text[index] = change.ttft === '–' ? '' : change.ttft;
      this.bars.changed = true;
    }
    if ('repeats_ms' in change) { this.marks[index] = change.repeats_ms; this.bars.changed = true; }
    this.ended.take(index, change);
    if ('loads' in change) { this.swaps.loads[index] = change.loads; this.swaps.changed = true; }
    this.schedule();
  }

  schedule() {
    if (!this.timer) this.timer = setTimeout(() => this.flush(), CHART_MS);
  }

  // In a replay: the steps up to this time; null: all there are.
  show(ms) {
    this.upTo = ms;
    this.soil(...this.cards.keys());
    this.schedule();
  }

  // The next of the two that has news; `all`: both, now.
  flush(all = false) {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.drawn) return;
    this.turn = this.turn === 'progress' ? 'gaps' : 'progress';
    for (const name of all ? ['progress', 'gaps'] : [this.turn]) this.drawLines(name);
    if (this.bars.changed) this.drawBars();
    if (this.swaps.changed) this.drawSwaps();
    const left = this.ended.draw(all);
    if (left || this.dirty.progress.size || this.dirty.gaps.size) this.schedule();
  }

  drawLines(name) {
    const lanes = [...this.dirty[name]];
    this.dirty[name].clear();
    if (!lanes.length) return;
    const lines = lanes.map((lane) => {
      const { timeline } = this.cards[lane];
      return timeline.thinned.upTo(this.upTo === null ? timeline.times.length : timeline.stepsAt(this.upTo));
    });
    const ends = lanes.map((lane) => this.cards[lane].timeline.end / 1e3);
    if (name === 'progress') this.grow('progress', 'xaxis', Math.max(0, ...ends), 1.05);
    else this.grow('gaps', 'yaxis', Math.max(0, ...lines.map((line) => line.largest)), 1.1);
    this.restyle(name, { x: lines.map((line) => line[name].x), y: lines.map((line) => line[name].y) }, lanes);
  }

  drawBars() {
    this.bars.changed = false;
    const names = this.run.figures.ttft.layout.yaxis.categoryarray, all = [...this.cards.keys()];
    const marks = all.flatMap((lane) => (this.marks[lane] || []).map((repeat) => [lane, ...repeat]));
    this.grow('ttft', 'xaxis', Math.max(0, ...this.bars.ms.filter(Boolean), ...marks.map(([, ttft]) => ttft || 0)), 1.3);
    this.grow('progress', 'xaxis', Math.max(0, ...marks.map(([, , last]) => (last || 0) / 1e3)), 1.05);
    this.restyle('ttft', {
      x: [all.map((lane) => this.bars.ms[lane] ?? null), marks.map(([, ttft]) => ttft)],
      y: [names, marks.map(([lane]) => names[lane])], text: [all.map((lane) => this.bars.text[lane] || ''), []],
      ...this.odd(marks, 4, 'line-ns-open', [undefined]),
    }, [0, 1]);
    const tokens = (lane) => this.cards[lane].timeline.tokens.at(-1) ?? null;
    const colours = marks.map(([lane]) => this.palette.lanes[lane]);
    this.restyle('progress', {
      ...this.odd(marks, 5, 'line-ns-open'), 'marker.color': [colours],
      x: [marks.map(([, , last]) => last && last / 1e3)], y: [marks.map(([lane]) => tokens(lane))],
    }, [all.length]);
    this.restyle('gaps', {
      ...this.odd(marks, 6, 'line-ew-open'), 'marker.color': [colours],
      x: [marks.map(() => this.run.tokens)], y: [marks.map(([, , , tpot]) => tpot)],
    }, [all.length]);
  }

  // An outlier is kept and has another symbol: a ring. `before`: of the traces before the marks'.
  odd(marks, at, usual, before = []) {
    const by = (one, other) => [...before, marks.map((mark) => (mark[at] ? one : other))];
    return { 'marker.symbol': by('circle-open', usual), 'marker.size': by(8, 11), customdata: by(', an outlier', '') };
  }

  // A lane's first load is its bar; a mark for each time it had to make room and came back.
  drawSwaps() {
    this.swaps.changed = false;
    const names = this.run.figures.swaps.layout.yaxis.categoryarray;
    const loads = names.map((_, lane) => this.swaps.loads[lane] || []);
    const later = loads.flatMap(([, ...rest], lane) => rest.map(([s, words]) => ({ s, words, name: names[lane] })));
    const shown = (s) => Math.max(s, LEAST_S);
    this.grow('swaps', 'xaxis', Math.max(0, ...loads.flat().map(([s]) => s)), 8); // room for the words beside the bar
    this.restyle('swaps', {
      x: [loads.map(([first]) => (first ? shown(first[0]) : null)), later.map(({ s }) => shown(s))],
      y: [names, later.map(({ name }) => name)], text: [loads.map(([first]) => first?.[1] ?? ''), later.map(({ words }) => words)],
    }, [0, 1]);
  }

  restyle(name, traces, indices) {
    window.Plotly.restyle(this.divs[name], traces, indices);
  }

  // Axes grow in steps, so that nothing creeps.
  grow(name, axis, largest, room) {
    const layout = this.divs[name].layout, { type, range: [low, high] } = layout[axis], log = type === 'log';
    if (!(largest * room > (this.limits[name + axis] ??= log ? 10 ** high : high))) return;
    this.limits[name + axis] = roundUp(largest * room);
    const end = this.limits[name + axis];
    Object.assign(layout[axis], { range: log ? [low, Math.log10(end)] : [0, end], autorange: false });
  }

  get palette() { return this.run.palettes[isDark() ? 'dark' : 'light']; }

  colour(names = Object.keys(this.divs)) {
    if (!this.drawn) return;
    for (const name of names) this.paint(name);
    this.bars.changed = this.swaps.changed = true;
    this.ended.soil('parts', 'against');
    this.schedule();
  }

  // After a change of theme: a chart at a time, so that the page answers in between.
  recolour(names = Object.keys(this.divs)) {
    if (!names.length) return;
    setTimeout(() => { this.colour(names.slice(0, 1)); this.recolour(names.slice(1)); });
  }

  paint(name) {
    const { lanes, ink } = this.palette, mine = this.cards.map((card) => lanes[card.index]);
    const look = { ...this.look(), ...(name in ENDED ? {} : this.target(name)) };
    const lines = { 'line.color': mine, 'line.width': onStage() ? 4 : 2, 'marker.color': mine };
    const [traces, layout, indices] = name in ENDED ? ENDED[name](this.palette, mine, look)
      : ['ttft', 'swaps'].includes(name) ? [{ 'marker.color': [mine, ink], 'textfont.color': ink }, look, [0, 1]]
        : [lines, look, [...this.cards.keys()]];
    window.Plotly.update(this.divs[name], traces, layout, indices);
  }

  // What all charts have in common.
  look() {
    const { ink, muted, grid, surface } = this.palette, tick = onStage() ? 16 : 11;
    return {
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', 'font.color': muted, 'font.family': this.font,
      'title.font.color': ink, 'title.font.size': onStage() ? 20 : 13, 'xaxis.tickfont.size': tick, 'yaxis.tickfont.size': tick,
      'xaxis.gridcolor': grid, 'yaxis.gridcolor': grid, 'hoverlabel.bgcolor': surface, 'hoverlabel.bordercolor': grid,
      'hoverlabel.font.color': ink, 'hoverlabel.font.family': this.font,
    };
  }

  // The chosen target as a line (or a band) on the charts it is about. Axes begin anew: what grew for the one before need not stay.
  aim(target) {
    this.aimed = target;
    if (!this.drawn) return;
    for (const [name, [axis]] of Object.entries(AIMED)) {
      const key = `${axis}axis`;
      this.divs[name].layout[key].range = [...this.run.figures[name].layout[key].range];
      delete this.limits[name + key];
    }
    this.soil(...this.cards.keys());
    this.colour();
    this.flush(true);
  }

  // The same while it moves: the lines alone, on axes that stay.
  move(target) {
    const names = Object.keys(AIMED), lines = () => names.map((name) => JSON.stringify(this.lines(name))), before = lines();
    this.aimed = target;
    if (!this.drawn) return;
    lines().forEach((line, at) => line !== before[at] && window.Plotly.relayout(this.divs[names[at]], JSON.parse(line)));
  }

  target(name) {
    if (name in AIMED) this.grow(name, `${AIMED[name][0]}axis`, this.ends(name).at(-1) ?? 0, 1.1);
    return this.lines(name);
  }

  // Where a chart's lines stand, on its axis.
  ends(name) {
    const [, field, scale] = AIMED[name] ?? [], limit = this.aimed?.[field];
    return limit ? [...new Set([limit].flat())].map((end) => Math.round(end * 1e6) / 1e6 * scale) : [];
  }

  lines(name) {
    const { muted } = this.palette, ends = this.ends(name);
    if (!ends.length) return { shapes: [], annotations: [] };
    const [axis, , , unit] = AIMED[name], other = axis === 'x' ? 'y' : 'x', style = { color: muted, width: 1.5, dash: 'dash' };
    const refs = { [`${axis}ref`]: axis, [`${other}ref`]: 'paper', [`${other}0`]: 0, [`${other}1`]: 1 };
    const shapes = ends.map((end) => ({ ...refs, type: 'line', layer: 'above', line: style, [`${axis}0`]: end, [`${axis}1`]: end }));
    const [end] = ends, [title] = this.aimed.title.split(','); // the whole name stands beside the fields
    const text = ends.length > 1 ? title : `${title}, ${limitNumber(end)} ${unit}`;
    const past = end > this.divs[name].layout[`${axis}axis`].range[1] / 2; // then there is more room on its other side
    const place = axis === 'x'
      ? { x: end, xref: 'x', y: 1, yref: 'paper', xanchor: past ? 'right' : 'left', yanchor: 'bottom', yshift: -4 }
      : { x: 1, xref: 'paper', y: end, yref: 'y', xanchor: 'right', yanchor: 'bottom' };
    return { shapes, annotations: [{ ...place, text, showarrow: false, font: { size: 10, color: muted } }] };
  }

  async save(name) {
    if (!this.drawn) return;
    const { surface } = this.palette, div = this.divs[name];
    const layout = { ...div.layout, paper_bgcolor: surface, plot_bgcolor: surface };
    if (name === 'swaps') layout.yaxis = { ...layout.yaxis, ticktext: layout.yaxis.tickvals }; // alone it must say which lane is which
    const image = { format: 'png', scale: 2, width: 720, height: 400, filename: `latency-playground-${name}` };
    await window.Plotly.downloadImage({ data: div.data, layout }, image);
  }
}

function roundUp(largest) {
  const power = 10 ** Math.floor(Math.log10(largest));
  return power * [1, 2, 3, 5, 7, 10].find((step) => step * power >= largest);
}
