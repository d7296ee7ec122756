// The results table: sorted by a click on a heading, main figures or all of them, copied as text that spreadsheets take.
class Table {
  constructor() {
    this.table = find('.lp-results table');
    this.all = false;
    this.more = find('.lp-more');
    this.more.addEventListener('click', () => { this.all = !this.all; this.draw(); });
    find('.lp-copy').addEventListener('click', (event) => copyFrom(event.currentTarget, this.text()));
  }

  begin(run) {
    Object.assign(this, { run, columns: run.columns, rows: run.lanes.map(() => null), sort: null });
    this.draw();
  }

  set(index, row) {
    this.rows[index] = row;
    this.draw();
  }

  get shown() {
    return [...this.columns.keys()].filter((at) => this.all || this.columns[at].main);
  }

  get order() {
    const lanes = [...this.rows.keys()];
    if (!this.sort) return lanes;
    const value = (lane) => this.rows[lane]?.cells[this.sort.column].value ?? null, { down } = this.sort;
    return lanes.sort((a, b) => {
      const [first, second] = [value(a), value(b)];
      if (first === null || second === null) return (first === null) - (second === null); // what is unknown comes last
      return down ? second - first : first - second;
    });
  }

  draw() {
    const focused = this.table.contains(document.activeElement) ? document.activeElement.dataset.column : undefined;
    setText(this.more, this.all ? 'Main figures' : `All ${this.columns.length} figures`);
    const head = make('thead', ''), body = make('tbody', '');
    head.append(this.heading());
    body.append(...this.order.map((lane) => this.line(lane)));
    this.table.replaceChildren(head, body);
    if (focused !== undefined) find(`[data-column="${focused}"]`, this.table)?.focus();
  }

  heading() {
    const line = make('tr', ''), lane = line.appendChild(make('th', '', 'Lane'));
    lane.scope = 'col';
    for (const at of this.shown) {
      const { title, meaning } = this.columns[at], cell = line.appendChild(make('th', '')), sorted = this.sort?.column === at;
      cell.scope = 'col';
      cell.setAttribute('aria-sort', sorted ? (this.sort.down ? 'descending' : 'ascending') : 'none');
      const button = cell.appendChild(makeButton('lp-sort', title, '', () => this.sortBy(at)));
      button.title = meaning;
      button.dataset.column = at;
    }
    return line;
  }

  // Up, down, and back to the lanes' own order.
  sortBy(column) {
    this.sort = this.sort?.column !== column ? { column, down: false } : this.sort.down ? null : { column, down: true };
    this.draw();
  }

  line(lane) {
    const line = make('tr', ''), name = line.appendChild(make('th', '')), row = this.rows[lane];
    name.scope = 'row';
    name.append(swatch(lane), make('span', 'lp-number', String(lane + 1)), document.createTextNode(this.run.lanes[lane].label));
    if (lane === this.run.baseline && this.rows.length > 1) name.append(make('span', 'lp-tag', 'baseline'));
    for (const at of this.shown) line.append(this.cell(row?.cells[at]));
    if (row?.error) name.append(make('span', 'lp-failed', `failed: ${row.error}`));
    return line;
  }

  cell(cell) {
    const node = make('td', '', cell ? cell.text : '–');
    if (!cell) return node;
    node.title = cell.title;
    if (cell.against) node.append(make('span', 'lp-against', cell.against));
    return node;
  }

  text() {
    const cells = (row) => this.columns.map((_, at) => [row?.cells[at].text ?? '–', row?.cells[at].against].filter(Boolean).join(' '));
    const lines = this.rows.map((row, lane) => [this.run.lanes[lane].label, ...cells(row)]);
    return [['Lane', ...this.columns.map((column) => column.title)], ...lines].map((line) => line.join('\t')).join('\n');
  }
}

// What every figure means, and where the targets come from.
function fillMethod(run) {
  const entry = (term, meaning) => [make('dt', '', term), make('dd', '', meaning)];
  const targets = [...run.judging.meanings, ...run.targets.map(({ title, source }) => [`Target: ${title}`, source])];
  find('.lp-method dl').replaceChildren(...[...run.columns.map(({ title, meaning }) => [title, meaning]), ...targets].flatMap((one) => entry(...one)));
}
