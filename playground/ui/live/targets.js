// @ts-check
// The target: chosen, typed or dragged on the charts. Its lines follow at once; the server says how every lane stands against it.
import { find, laneHead, make, setText } from '../shared/dom.js';
import { Asker } from './asker.js';
import { Grip } from './grip.js';
/** @import { TargetChoice, TargetOption, TargetTable, WrongLimit } from './feed.d.ts' */
/** @import { Charts } from './charts.js' */
/** @import { Run } from './view.js' */

/** @typedef {Pick<TargetOption, 'name' | 'title' | 'fields' | 'ends'>} Target A published one, or the reader's own. */

const NUMBER = /^(\d+\.?\d*|\.\d+)$/;
const REST_MS = 300; // after a repeat: others may end with it
const UNANSWERED = 'The lanes could not be held against this target: the server did not answer.';
const UNKNOWN = ['–', '', null];

export class Targets {
  /** @type {Charts} */ charts;
  /** @type {Run} */ run;
  /** @type {Target | null} */ target;
  /** @type {Target | null} */ own;
  /** @type {TargetTable | null} */ table;
  /** @type {Grip[]} */ grips;
  /** @type {number} */ timer;
  /** @type {number} */ turn;

  // `ask` answers `{ key, name, limits }` with a table, or with what is wrong (`targets.py`).
  constructor(root, charts, ask) {
    Object.assign(this, { charts, target: null, own: null, table: null, grips: [], timer: 0, turn: 0 });
    this.asker = new Asker(ask, (answer, question) => this.take(answer, question));
    this.select = find('.lp-target', root);
    this.fields = [...root.querySelectorAll('.lp-limit')];
    this.wrong = find('.lp-limit-wrong', root);
    this.box = find('.lp-attainment', root);
    this.notes = find('.lp-attainment-notes', root);
    charts.onDrawn = () => this.arm();
    this.select.addEventListener('change', () => this.choose(this.select.value));
    for (const field of this.fields) {
      field.addEventListener('input', () => field.value.trim() && this.type(true)); // an emptied field may be about to be filled again
      field.addEventListener('change', () => this.type(false));
    }
  }

  // A choice outlives the run; nothing is known of its lanes yet.
  /** @param {Run} run */
  begin(run) {
    this.run = run;
    if (!this.table) this.offer(run.targets);
    this.table.rows = [];
    this.draw();
  }

  /** @param {TargetChoice} choice */
  offer({ options, first }) {
    const none = { name: '', title: 'none' }, own = { name: 'own', title: 'Own target' };
    for (const { name, title } of [none, ...options, own]) this.select.add(new Option(title, name));
    this.table = first;
    this.settle(options[0]);
  }

  // A repeat has ended: what is asked already will be answered with it.
  refresh() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.target && !this.asker.waiting.length && this.ask(this.target), REST_MS);
  }

  // ---- chosen ----

  // An own one begins as the target before it.
  choose(name) {
    const before = this.target ?? this.own ?? this.run.targets.options[0];
    const target = name === 'own' ? this.ownTarget(before.fields) : this.run.targets.options.find((one) => one.name === name) ?? null;
    this.settle(target);
    if (target) this.ask(target); else this.draw();
  }

  ownTarget(fields) {
    const ends = fields.map((text) => (NUMBER.test(text) && Number(text) > 0 ? [Number(text)] : []));
    return { name: 'own', title: 'Own target', fields, ends };
  }

  // From here on this one holds: until another is found good, it stays.
  settle(target) {
    this.turn += 1;
    this.hold(target);
    this.fields.forEach((field, at) => { field.value = target?.fields[at] ?? ''; });
    this.complain('', '');
    this.charts.aim(this.lines(target));
  }

  lines(target) {
    const ends = this.fields.map(({ dataset }, at) => [dataset.limit, target?.ends[at]]);
    return target && { title: target.title, ends: Object.fromEntries(ends) };
  }

  // ---- typed ----

  type(moving) {
    const target = this.ownTarget(this.fields.map((field) => field.value.trim()));
    const drawn = target.ends.flat().length && target.fields.every((text, at) => !text || target.ends[at].length);
    if (drawn) this.charts.move(this.lines(target));
    this.ask(target, moving);
  }

  complain(limit, sentence) {
    setText(this.wrong, sentence);
    for (const field of this.fields) field.setAttribute('aria-invalid', String(Boolean(sentence) && field.dataset.limit === limit));
  }

  // ---- dragged: a grip lies over each line, as long as it; the fields are the keyboard's way ----

  arm() {
    if (this.grips.length) return;
    const aimed = this.charts.all.filter((chart) => chart.target);
    this.grips = aimed.map((chart) => new Grip(chart, (value, moving) => this.drag(chart.target.limit, value, moving)));
  }

  drag(limit, value, moving) {
    const text = String(Math.round(value * 1e6) / 1e6);
    const target = this.ownTarget(this.fields.map(({ dataset }, at) => (dataset.limit === limit ? text : this.target.fields[at])));
    if (!moving) this.settle(target);
    this.fields.forEach((field, at) => { field.value = target.fields[at]; });
    this.charts.move(this.lines(target));
    this.ask(target, moving);
  }

  // ---- answered ----

  // `moving`: another follows, and the axes stay until then.
  ask(target, moving = true) {
    const { name, fields } = target, { run, turn } = this;
    const question = { key: run.key ?? '', name: name === 'own' ? '' : name, limits: fields };
    this.asker.put(question, { target, moving, run, turn }, moving);
  }

  // What was asked before another run or another choice is of no interest any more.
  /** @param {TargetTable | WrongLimit | null} answer @param {{ target: Target, moving: boolean, run: Run, turn: number }} context */
  take(answer, { target, moving, run, turn }) {
    if (run !== this.run || turn !== this.turn) return;
    if (!answer) return this.complain('', UNANSWERED);
    if ('wrong' in answer) return this.refuse(answer);
    this.table = answer;
    if (target !== this.target) this.accept(target, moving);
    this.draw();
  }

  // Typed or dragged, and good.
  accept(target, moving) {
    this.hold(target);
    this.complain('', '');
    if (!moving) this.charts.aim(this.lines(target));
  }

  /** @param {Target | null} target */
  hold(target) {
    this.target = target;
    if (target?.name === 'own') this.own = target;
    this.select.value = target?.name ?? '';
  }

  // What was last good stays in force.
  refuse({ limit, wrong }) {
    this.complain(limit, wrong);
    this.charts.move(this.lines(this.target));
  }

  draw() {
    this.box.hidden = !this.target;
    setText(this.notes, this.target ? [this.table.notes, this.run.targets.note].filter(Boolean).join(' ') : '');
    if (!this.target) return;
    const head = make('thead'), body = make('tbody'), { headings, rows } = this.table;
    head.appendChild(make('tr')).append(...[['Lane', ''], ...headings].map(([text, title]) => (
      Object.assign(make('th', '', text), { scope: 'col', title }))));
    body.append(...this.run.lanes.map(({ label }, lane) => this.line(lane, label, rows[lane] ?? headings.map(() => UNKNOWN))));
    find('table', this.box).replaceChildren(head, body);
  }

  line(lane, label, cells) {
    const line = make('tr');
    line.append(laneHead(lane, label), ...cells.map(([text, beside, met]) => {
      const cell = make('td');
      if (typeof met === 'boolean') cell.append(make('i', met ? 'lp-met' : 'lp-missed'));
      cell.append(make('span', 'lp-attainment-text', text));
      if (beside) cell.append(make('span', 'lp-against', beside));
      return cell;
    }));
    return line;
  }
}
