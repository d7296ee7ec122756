// @ts-check
// One lane's card: title, answer, what it is doing, where the time went, figures.
import { make, makeButton, setText, swatch } from '../shared/dom.js';
import { Answer } from './answer.js';
import { Timeline } from './timeline.js';
/** @import { LaneChanges, LaneRecord } from './feed.d.ts' */
/** @import { Run } from './view.js' */

const FIGURES = [['ttft', 'TTFT'], ['tpot', 'TPOT'], ['rate', 'Decode'], ['memory', 'Memory']];
const TEXTS = [
  ...['words', 'basis', 'ttft', 'tpot', 'ratio', 'rate', 'row_rate', 'memory', 'cold'],
  ...['compared', 'neighbours', 'swap', 'change', 'adapters'],
];
export const PHASES = ['tokenizing', 'prefill', 'decoding', 'post'];

export class Card {
  /** @type {LaneRecord} */ lane;
  /** @type {number} */ index;
  /** @type {Run} */ run;
  /** @type {{ turn(card: Card): void, announce(text: string): void, code(card: Card): void }} */ told;
  /** @type {Timeline} */ timeline;
  /** @type {Answer} */ answer;
  /** @type {LaneChanges['state']} */ state;
  /** @type {number | null} */ finished;
  /** @type {number} */ played;
  /** @type {{ texts: string[], words: string }} */ before;
  /** @type {[number, string][]} */ parts;
  /** @type {string} */ partsOf;
  /** @type {HTMLElement} */ words;
  /** @type {HTMLElement} */ basis;
  /** @type {HTMLElement} */ memory;

  constructor(lane, index, run, told) {
    Object.assign(this, { lane, index, run, told, timeline: new Timeline(), state: 'waiting', finished: null });
    this.node = make('section', 'lp-card');
    this.node.dataset.state = 'waiting';
    this.node.style.setProperty('--lane', `var(--lane-${index})`);
    this.node.setAttribute('aria-label', `Lane ${index + 1}, ${lane.label}`);
    this.node.append(this.title(), this.text(), this.status(), this.phaseBar(), this.figures(), this.notes());
  }

  title() {
    const header = make('header', 'lp-title'), label = make('span', 'lp-label', this.lane.short);
    label.title = this.lane.label;
    header.append(swatch(this.index), make('span', 'lp-number', String(this.index + 1)), label);
    if (this.index === this.run.baseline && this.run.lanes.length > 1) header.append(make('span', 'lp-tag', 'baseline'));
    if (this.lane.tag) header.append(make('span', 'lp-tag', this.lane.tag));
    const tools = header.appendChild(make('span', 'lp-tools'));
    if (this.lane.batch > 1) tools.append(...this.pager());
    const code = () => this.told.code(this);
    if (this.lane.code) tools.append(makeButton('lp-show-code', 'code', `Show the code of lane ${this.index + 1}`, code));
    return header;
  }

  pager() {
    const { batch } = this.lane, shown = make('span', 'lp-row', `row 1 of ${batch}`);
    const turn = (by) => () => {
      this.answer.show((this.answer.row + by + batch) % batch);
      shown.textContent = `row ${this.answer.row + 1} of ${batch}`;
      this.told.turn(this);
    };
    return [makeButton('lp-turn', '‹', 'Previous row', turn(-1)), shown, makeButton('lp-turn', '›', 'Next row', turn(1))];
  }

  text() {
    const box = make('div', 'lp-text');
    box.tabIndex = 0;
    box.setAttribute('role', 'region');
    box.setAttribute('aria-label', `Answer of lane ${this.index + 1}, ${this.lane.label}`);
    this.answer = new Answer(box, this.lane.batch);
    this.answer.mark.title = `The first word that differs from lane ${this.run.baseline + 1}`;
    if (this.run.idle && this.index === 0) box.append(make('span', 'lp-hint', 'Press Run: each lane writes its answer here.'));
    return box;
  }

  status() {
    const line = make('p', 'lp-status');
    this.words = line.appendChild(make('span', 'lp-words'));
    this.basis = line.appendChild(make('span', 'lp-basis'));
    return line;
  }

  phaseBar() {
    this.phases = make('div', 'lp-phases');
    this.phases.setAttribute('role', 'img');
    this.phases.setAttribute('aria-label', 'Where the time went: not known yet');
    return this.phases;
  }

  figures() {
    const list = make('dl', 'lp-figures');
    for (const [key, name] of FIGURES) {
      const cell = list.appendChild(make('div', ''));
      const several = this.lane.batch > 1 && { tpot: ', one row', rate: `, ${this.lane.batch} rows` }[key];
      const term = cell.appendChild(make('dt', '', name + (several || '')));
      term.title = this.run.meaning(name);
      this[key] = cell.appendChild(make('dd', '')).appendChild(make('span', 'lp-figure', '–'));
      if (key === 'tpot') this.ratio = term.appendChild(make('span', 'lp-beside'));
      if (key === 'ttft') this.cold = term.appendChild(make('span', 'lp-beside'));
      if (key === 'rate') this.row_rate = term.appendChild(make('span', 'lp-beside'));
    }
    return list;
  }

  // How it compares with the baseline; where its weights came from and how its output differs; in a run with adapters, a line for them.
  notes() {
    const notes = make('div', 'lp-notes'), against = notes.appendChild(make('p', '')), line = notes.appendChild(make('p', ''));
    this.compared = against.appendChild(make('span', 'lp-compared'));
    this.neighbours = against.appendChild(make('span', 'lp-neighbours'));
    this.swap = line.appendChild(make('span', 'lp-swap'));
    this.change = line.appendChild(make('span', 'lp-change'));
    this.change.title = `Compared with lane ${this.run.baseline + 1}: the first output token that differs, `
      + 'and how often both models find the same next token likeliest';
    this.adapters = make('p', 'lp-adapters');
    if (this.run.adapters) notes.append(this.adapters);
    return notes;
  }

  // Takes one frame's changes; true when what stood of the shown text was taken back.
  /** @param {LaneChanges} change */
  update(change) {
    let revised = Boolean(change.fresh);
    if (change.fresh) this.answer.clear();
    for (const step of change.steps || []) {
      this.timeline.push(step);
      for (const one of this.timeline.changes.at(-1)) revised = this.answer.change(...one) || revised;
    }
    for (const one of change.text || []) revised = this.answer.change(...one) || revised;
    for (const key of TEXTS) if (key in change) setText(this[key], change[key]);
    if ('words' in change) this.words.title = change.words;
    if ('compared_whole' in change) this.compared.title = change.compared_whole;
    if ('memory_parts' in change) this.memory.title = change.memory_parts;
    if ('every_swap' in change) this.swap.title = change.every_swap;
    if ('adapters' in change) this.adapters.title = change.adapters;
    if ('basis' in change) this.node.dataset.basis = change.basis === 'live' ? 'live' : '';
    if ('unsure' in change) this.node.dataset.unsure = change.unsure;
    if ('phases' in change) this.drawPhases(change.phases);
    if ('phases' in change || 'phases_of' in change) this.namePhases(change);
    if ('e2e_ms' in change) this.finished = change.e2e_ms;
    if ('state' in change) this.setState(change.state);
    return revised;
  }

  setState(state) {
    this.node.dataset.state = state;
    if (state !== this.state && ['done', 'failed'].includes(state)) {
      this.told.announce(`Lane ${this.index + 1}, ${this.lane.label}: ${this.words.textContent}`);
    }
    this.state = state;
  }

  drawPhases(phases) {
    const whole = phases.reduce((sum, [ms]) => sum + (ms || 0), 0);
    let end = 0;
    phases.forEach(([ms], index) => {
      end += ms || 0;
      this.phases.style.setProperty(`--end-${index}`, `${whole ? (end / whole) * 100 : 0}%`);
    });
  }

  namePhases({ phases = this.parts, phases_of = this.partsOf }) {
    Object.assign(this, { parts: phases, partsOf: phases_of });
    const named = phases.map(([, words], index) => `${PHASES[index]} ${words}`).join(', ');
    this.phases.title = named && `${named}; ${phases_of}`;
    this.phases.setAttribute('aria-label', `Where the time went: ${this.phases.title || 'not known yet'}`);
  }

  // The lane as it stood after so many steps of its first counted repeat.
  playTo(steps) {
    const from = steps >= this.played ? this.played : 0;
    if (!from) this.answer.clear();
    for (let step = from; step < steps; step += 1) for (const one of this.timeline.changes[step]) this.answer.change(...one);
    if (steps !== this.played || !from) setText(this.words, `token ${this.timeline.placeAt(steps)} of ${this.run.tokens}`);
    this.played = steps;
  }

  beginReplay() {
    this.before = { texts: [...this.answer.rows], words: this.words.textContent };
    this.played = 0;
    this.answer.clear();
  }

  endReplay() {
    this.answer.set(this.before.texts);
    this.words.textContent = this.before.words;
  }
}
