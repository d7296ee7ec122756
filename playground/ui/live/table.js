// The results table: sorted by a click on a heading, main figures or all of them, copied as text that spreadsheets take.
import { copyFrom } from '../shared/copy.js';
import { find, laneHead, make, makeButton, setText } from '../shared/dom.js';

export class Table {
  constructor(root) {
    this.table = find('.lp-results table', root);
    this.all = false;
    this.more = find('.lp-more', root);
    this.more.addEventListener('click', () => { this.all = !this.all; this.draw(); });
    find('.lp-copy', root).addEventListener('click', (event) => copyFrom(event.currentTarget, this.text()));
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
      const { title, meaning } = this.columns[at], cell = line.appendChild(make('th')), sorted = this.sort?.column === at;
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
    const line = make('tr'), name = line.appendChild(laneHead(lane, this.run.lanes[lane].label)), row = this.rows[lane];
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
    const cell = (one) => [one?.text ?? '–', one?.against].filter(Boolean).join(' ');
    const cells = (row) => this.columns.map((_, at) => cell(row?.cells[at]));
    const lines = this.rows.map((row, lane) => [this.run.lanes[lane].label, ...cells(row)]);
    return [['Lane', ...this.columns.map((column) => column.title)], ...lines].map((line) => line.join('\t')).join('\n');
  }
}

// What every figure means, and where the targets come from.
export function fillMethod(root, run) {
  const entry = (term, meaning) => [make('dt', '', term), make('dd', '', meaning)];
  const targets = [...run.judging.meanings, ...run.targets.map(({ title, source }) => [`Target: ${title}`, source])];
  const columns = run.columns.map(({ title, meaning }) => [title, meaning]);
  find('.lp-method dl', root).replaceChildren(...[...columns, ...targets].flatMap((one) => entry(...one)));
}
