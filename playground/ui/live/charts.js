// @ts-check
// All charts: which of them has news, and when it is drawn. One at a time a few times a second, so that none holds up the text for long.
import { find } from '../shared/dom.js';
import { Chart } from './chart.js';
import { Paint } from './paint.js';
/** @import { FigureChange } from './feed.d.ts' */
/** @import { Card } from './card.js' */
/** @import { Lines } from './chart.js' */
/** @import { Run } from './view.js' */

const CHART_MS = 100;

export class Charts {
  /** @type {HTMLElement} */ root;
  /** @type {Run | null} */ run;
  /** @type {boolean} */ drawn;
  /** @type {number} */ timer;
  /** @type {number} */ turn;
  /** @type {number | null} */ upTo;
  /** @type {Lines | null} */ target;
  /** @type {() => void} */ onDrawn;
  /** @type {number[]} */ lanes;
  /** @type {Paint} */ paint;

  constructor(root) {
    const boxes = [...root.querySelectorAll('.lp-chart')];
    this.all = boxes.map((box) => new Chart(box.dataset.chart, find('.lp-plot', box)));
    boxes.forEach((box, at) => find('.lp-png', box).addEventListener('click', () => this.drawn && this.all[at].save(this.paint)));
    Object.assign(this, { root, run: null, drawn: false, timer: 0, turn: 0, upTo: null, target: null, onDrawn: () => {} });
    this.family = getComputedStyle(root).fontFamily;
  }

  complain(sentence) {
    for (const { div } of this.all) div.textContent = sentence;
  }

  /** @param {Run} run @param {Card[]} cards */
  begin(run, cards) {
    Object.assign(this, { run, upTo: null, lanes: [...cards.keys()], paint: new Paint(run.palettes, this.family) });
    for (const chart of this.all) chart.begin(run.charts[chart.name], cards, run);
    for (const chart of this.all) chart.aim(this.target);
    this.draw();
  }

  // Once there is a run and Plotly.
  draw() {
    if (!window.Plotly || !this.run) return;
    this.drawn = true;
    this.flush(true);
    for (const chart of this.all) chart.resize(); // more lanes, more height
    this.onDrawn();
  }

  // A frame's figures that have changed.
  /** @param {Record<string, FigureChange>} changes */
  update(changes) {
    for (const chart of this.all) if (changes[chart.name]) chart.update(changes[chart.name]);
    this.schedule();
  }

  // Lanes that have new steps.
  grow(lanes) {
    for (const chart of this.all) chart.soil(lanes);
    this.schedule();
  }

  // In a replay: the steps up to this time; null: all there are.
  show(ms) {
    this.upTo = ms;
    this.grow(this.lanes);
  }

  schedule() {
    if (!this.timer) this.timer = setTimeout(() => this.flush(), CHART_MS);
  }

  // The next that has news; `all`: all of them, now.
  flush(all = false) {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.drawn) return;
    const after = this.all.map((_, at) => this.all[(this.turn + 1 + at) % this.all.length]);
    const waiting = after.filter((chart) => chart.waits);
    for (const chart of all ? waiting : waiting.slice(0, 1)) {
      chart.draw(this.paint, this.upTo);
      this.turn = this.all.indexOf(chart);
    }
    if (!all && waiting.length > 1) this.schedule();
  }

  // After a change of theme: a chart at a time, so that the page answers in between.
  recolour(charts = this.drawn ? [...this.all] : []) {
    if (!charts.length) return;
    setTimeout(() => {
      charts[0].whole = true;
      charts[0].draw(this.paint, this.upTo);
      this.recolour(charts.slice(1));
    });
  }

  /** @param {Lines | null} target */
  aim(target) {
    this.target = target;
    for (const chart of this.all) chart.aim(target);
    for (const chart of this.drawn ? this.all : []) if (chart.target) chart.draw(this.paint, this.upTo);
  }

  /** @param {Lines | null} target */
  move(target) {
    this.target = target;
    for (const chart of this.drawn ? this.all : []) if (chart.target) chart.move(target);
  }
}
