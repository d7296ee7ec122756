// The target: chosen, typed or dragged on the charts, and every lane held against it at once. Nothing is run again.
import { find, laneHead, make, setText } from '../shared/dom.js';
import { AIMED } from './charts.js';
import { LIMITS, judge, judgedCells, limitNumber, limitsOf } from './judge.js';

const LEAST_MS = 0.001, MOST_MS = 3.6e6;

export class Targets {
  constructor(root, charts) {
    Object.assign(this, { root, charts, target: null, own: null, lanes: [], grips: [] });
    this.select = find('.lp-target', root);
    this.fields = LIMITS.map(({ key }) => find(`[data-limit=${key}]`, root));
    this.wrong = find('.lp-limit-wrong', root);
    this.judged = find('.lp-judged', root);
    charts.onDrawn = () => this.arm();
    this.select.addEventListener('change', () => this.choose(this.select.value));
    for (const field of this.fields) {
      field.addEventListener('input', () => field.value.trim() && this.type(true)); // an emptied field may be about to be filled again
      field.addEventListener('change', () => this.type(false));
    }
  }

  // A choice outlives the run.
  begin(run) {
    Object.assign(this, { run, lanes: run.lanes.map(() => ({ timings: [], counted: [] })) });
    if (this.select.options.length) return this.draw();
    const none = { name: '', title: 'none' }, own = { name: 'own', title: 'Own target' };
    for (const { name, title } of [none, ...run.targets, own]) this.select.add(new Option(title, name));
    this.choose('chat');
  }

  take(index, change) {
    if (!change.timings) return;
    const lane = this.lanes[index];
    for (const [place, timing] of change.timings) lane.timings[place] = timing;
    lane.counted = change.counted;
    this.draw();
  }

  // An own one begins as the target before it.
  choose(name) {
    if (name !== 'own') return this.set(this.run.targets.find((one) => one.name === name) ?? null);
    this.set((!this.target && this.own) || this.ownOf(limitsOf(this.target ?? this.run.targets[0])));
  }

  ownOf(limits) {
    const seconds = limits.map((limit) => (limit === null ? null : limit / 1e3));
    return { name: 'own', title: 'Own target', note: '', ...Object.fromEntries(LIMITS.map(({ field }, at) => [field, seconds[at]])) };
  }

  set(target, moving = false) {
    this.show(target, moving);
    const limits = target ? limitsOf(target) : [];
    this.fields.forEach((field, at) => { field.value = limits[at] ? String(limits[at] / LIMITS[at].scale) : ''; });
    this.complain('');
  }

  show(target, moving) {
    this.target = target;
    this.select.value = target ? target.name : '';
    if (this.select.value === 'own') this.own = target;
    if (moving) this.charts.move(target); else this.charts.aim(target);
    this.draw();
  }

  // ---- typed ----

  type(moving) {
    try {
      const limits = this.fields.map((field, at) => this.read(field, LIMITS[at]));
      if (limits.every((limit) => limit === null)) throw new RangeError('No limit is given; allowed: at least one, or the target “none”.');
      this.complain('');
      this.show(this.ownOf(limits), moving);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.complain(error.message);
    }
  }

  // In milliseconds, to the microsecond.
  read(field, { title, unit, scale }) {
    const text = field.value.trim(), limit = Math.round(Number(text) * scale * 1e3) / 1e3;
    const good = !text || (/^(\d+\.?\d*|\.\d+)$/.test(text) && limit >= LEAST_MS && limit <= MOST_MS);
    field.setAttribute('aria-invalid', String(!good));
    if (!good) {
      const allowed = `a number from ${limitNumber(LEAST_MS / scale)} to ${limitNumber(MOST_MS / scale)} ${unit}, or nothing`;
      throw new RangeError(`${title}: “${text}” is no limit; allowed: ${allowed}.`);
    }
    return text ? limit : null;
  }

  // What was last good stays in force.
  complain(sentence) {
    setText(this.wrong, sentence);
    if (!sentence) for (const field of this.fields) field.setAttribute('aria-invalid', 'false');
  }

  // ---- dragged: a grip lies over each line, as long as it; the fields are the keyboard's way ----

  arm() {
    if (this.grips.length) return;
    this.grips = Object.keys(AIMED).map((name) => new Grip(this.charts, name, (value, moving) => this.drag(name, value, moving)));
  }

  drag(name, value, moving) {
    const [, dragged, perSecond] = AIMED[name], moved = Math.round(value / perSecond * 1e6) / 1e3;
    this.set(this.ownOf(limitsOf(this.target).map((limit, at) => (LIMITS[at].field === dragged ? moved : limit))), moving);
  }

  // ---- the lanes against it ----

  draw() {
    this.judged.hidden = !this.target;
    const { notes, goodput } = this.run.judging;
    setText(find('.lp-judged-notes', this.root), this.target ? [notes[0], this.target.note, notes[1]].filter(Boolean).join(' ') : '');
    if (!this.target) return;
    const limits = limitsOf(this.target), head = make('thead'), body = make('tbody');
    const judged = ({ timings, counted }) => judge(counted.map((place) => timings[place]), limits, goodput);
    head.append(this.heading(limits));
    body.append(...this.lanes.map((lane, index) => this.line(index, judged(lane))));
    find('table', this.judged).replaceChildren(head, body);
  }

  heading(limits) {
    const line = make('tr'), { meanings } = this.run.judging;
    const words = ({ title, unit, scale }, limit) => [`${title} ≤ ${limitNumber(limit / scale)} ${unit}`, this.run.meaning(title)];
    const limited = LIMITS.flatMap((one, at) => (limits[at] === null ? [] : [words(one, limits[at])]));
    for (const [title, meaning] of [['Lane', ''], meanings[0], ...limited, ...meanings.slice(1)]) {
      line.append(Object.assign(make('th', '', title), { scope: 'col', title: meaning }));
    }
    return line;
  }

  line(lane, judgement) {
    const line = make('tr'), kept = [judgement.met, ...judgement.metrics.map(({ met }) => met)];
    line.append(laneHead(lane, this.run.lanes[lane].label));
    judgedCells(judgement).forEach(([text, beside], at) => {
      const cell = line.appendChild(make('td', ''));
      if (typeof kept[at] === 'boolean') cell.append(make('i', kept[at] ? 'lp-kept' : 'lp-missed'));
      cell.append(make('span', 'lp-judged-text', text));
      if (beside) cell.append(make('span', 'lp-against', beside));
    });
    return line;
  }
}

class Grip {
  constructor(charts, name, onDrag) {
    Object.assign(this, { charts, name, onDrag, axis: AIMED[name][0], div: charts.divs[name] });
    this.node = this.div.parentNode.appendChild(make('div', `lp-grip lp-grip-${this.axis}`));
    this.node.setAttribute('aria-hidden', 'true');
    this.node.addEventListener('pointerdown', (event) => this.begin(event));
    this.div.on('plotly_afterplot', () => this.place());
    this.div.on('plotly_relayout', () => this.place());
    this.place();
  }

  // The axis in pixels, within the chart's box.
  get along() {
    const { range: [low, high], _offset: offset, _length: length } = this.div._fullLayout[`${this.axis}axis`];
    return { low, high, offset, length };
  }

  place() {
    const end = this.charts.ends(this.name).at(-1), { low, high, offset, length } = this.along, part = (end - low) / (high - low);
    this.node.hidden = !(part >= 0 && part <= 1);
    if (this.node.hidden) return;
    const { _offset: start, _length: long } = this.div._fullLayout[this.axis === 'x' ? 'yaxis' : 'xaxis'];
    const at = offset + length * (this.axis === 'x' ? part : 1 - part);
    this.node.style[this.axis === 'x' ? 'height' : 'width'] = `${long}px`;
    this.node.style.transform = this.axis === 'x' ? `translate(${at}px, ${start}px)` : `translate(${start}px, ${at}px)`;
  }

  begin(event) {
    if (event.button) return;
    event.preventDefault();
    this.node.setPointerCapture(event.pointerId);
    const move = (event) => this.onDrag(this.value = this.at(event), true);
    const end = () => {
      this.node.removeEventListener('pointermove', move);
      if (this.value !== undefined) this.onDrag(this.value, false);
      this.value = undefined;
    };
    this.node.addEventListener('pointermove', move);
    this.node.addEventListener('lostpointercapture', end, { once: true });
  }

  // Where the pointer is on the axis: in steps that a pixel can tell apart, and never nothing.
  at({ clientX, clientY }) {
    const { low, high, offset, length } = this.along, box = this.div.getBoundingClientRect();
    const part = this.axis === 'x' ? (clientX - box.left - offset) / length : 1 - (clientY - box.top - offset) / length;
    const step = 10 ** Math.floor(Math.log10((high - low) / length));
    return Math.min(high, Math.max(step, Math.round((low + part * (high - low)) / step) * step));
  }
}
