// The target: chosen, typed or dragged on the charts, and every lane held against it at once. Nothing is run again.
const LEAST_MS = 0.001, MOST_MS = 3.6e6;

class Targets {
  constructor(charts) {
    Object.assign(this, { charts, target: null, own: null, lanes: [], grips: [] });
    this.select = find('.lp-target');
    this.fields = LIMITS.map(({ key }) => find(`[data-limit=${key}]`));
    this.wrong = find('.lp-limit-wrong');
    this.judged = find('.lp-judged');
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
    for (const { name, title } of [{ name: '', title: 'none' }, ...run.targets, { name: 'own', title: 'Own target' }]) this.select.add(new Option(title, name));
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
    const own = name === 'own' && (this.target ? this.ownOf(limitsOf(this.target)) : this.own ?? this.ownOf(limitsOf(this.run.targets[0])));
    this.set(own || this.run.targets.find((one) => one.name === name) || null);
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
    if (!good) throw new RangeError(`${title}: “${text}” is no limit; allowed: a number from ${limitNumber(LEAST_MS / scale)} to ${limitNumber(MOST_MS / scale)} ${unit}, or nothing.`);
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
    const [, dragged, perSecond] = AIMED[name], limits = limitsOf(this.target);
    this.set(this.ownOf(limits.map((limit, at) => (LIMITS[at].field === dragged ? Math.round(value / perSecond * 1e6) / 1e3 : limit))), moving);
  }

  // ---- the lanes against it ----

  draw() {
    this.judged.hidden = !this.target;
    setText(find('.lp-judged-notes'), this.target ? [this.run.judging.notes[0], this.target.note, this.run.judging.notes[1]].filter(Boolean).join(' ') : '');
    if (!this.target) return;
    const limits = limitsOf(this.target), head = make('thead', ''), body = make('tbody', '');
    head.append(this.heading(limits));
    body.append(...this.lanes.map(({ timings, counted }, lane) => this.line(lane, judge(counted.map((place) => timings[place]), limits, this.run.judging.goodput))));
    find('table', this.judged).replaceChildren(head, body);
  }

  heading(limits) {
    const line = make('tr', ''), { meanings } = this.run.judging;
    const limited = LIMITS.flatMap(({ title, unit, scale }, at) => (limits[at] === null ? [] : [[`${title} ≤ ${limitNumber(limits[at] / scale)} ${unit}`, this.run.meaning(title)]]));
    for (const [title, meaning] of [['Lane', ''], meanings[0], ...limited, ...meanings.slice(1)]) {
      line.append(Object.assign(make('th', '', title), { scope: 'col', title: meaning }));
    }
    return line;
  }

  line(lane, judgement) {
    const line = make('tr', ''), name = line.appendChild(make('th', '')), kept = [judgement.met, ...judgement.metrics.map(({ met }) => met)];
    name.scope = 'row';
    name.append(swatch(lane), make('span', 'lp-number', String(lane + 1)), document.createTextNode(this.run.lanes[lane].label));
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
    const { _offset: start, _length: long } = this.div._fullLayout[this.axis === 'x' ? 'yaxis' : 'xaxis'], at = offset + length * (this.axis === 'x' ? part : 1 - part);
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
