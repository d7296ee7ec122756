// @ts-check
// A table of the report and what there is to say of it. Where its cells have values it is sorted by a click on a heading.
import { find, laneHead, make, makeButton, setText } from '../shared/dom.js';
/** @import { RowsChange, SectionRecord } from './feed.d.ts' */

export class SectionTable {
  /** @type {HTMLElement} */ box;
  /** @type {HTMLTableElement} */ table;
  /** @type {SectionRecord | null} */ section;
  /** @type {boolean} */ all;
  /** @type {{ column: number, down: boolean } | null} */ sort;

  constructor(box) {
    Object.assign(this, { box, table: find('table', box), section: null, all: false, sort: null });
  }

  /** @param {SectionRecord} section */
  show(section) {
    if (this.section?.headings.length !== section.headings.length) this.sort = null;
    this.section = section;
    this.draw();
  }

  // A change has a section's rows by their place, or is the whole section.
  /** @param {SectionRecord | RowsChange} change */
  change(change) {
    if (!('changed' in change)) return this.show(change);
    for (const [at, row] of Object.entries(change.changed)) this.section.rows[at] = row;
    this.draw();
  }

  showAll(all) {
    this.all = all;
    this.draw();
  }

  get shown() {
    return [...this.section.headings.keys()].filter((at) => this.all || this.section.headings[at].main);
  }

  get rows() {
    const { rows } = this.section;
    if (!this.sort) return rows;
    const { column, down } = this.sort, value = (row) => row.cells[column].value ?? null;
    return [...rows].sort((a, b) => {
      const [first, second] = [value(a), value(b)];
      if (first === null || second === null) return Number(first === null) - Number(second === null); // what is unknown comes last
      return down ? second - first : first - second;
    });
  }

  draw() {
    const active = /** @type {HTMLElement} */ (document.activeElement);
    const focused = this.table.contains(active) ? active.dataset.column : undefined;
    const head = make('thead'), body = make('tbody'), title = this.box.querySelector('.lp-section-title');
    head.appendChild(make('tr')).append(...this.shown.map((at) => this.heading(at)));
    body.append(...this.rows.map((row) => this.line(row)));
    this.table.replaceChildren(head, body);
    if (title) setText(title, this.section.title);
    find('.lp-section-notes', this.box).replaceChildren(...this.section.notes.map((note) => make('li', '', note)));
    if (focused !== undefined) find(`[data-column="${focused}"]`, this.table)?.focus();
  }

  heading(at) {
    const { title, meaning, unit, numeric } = this.section.headings[at], cell = make('th', numeric ? '' : 'lp-words', unit ? '' : title);
    cell.scope = 'col';
    if (!unit) return Object.assign(cell, { title: meaning });
    const sorted = this.sort?.column === at, button = cell.appendChild(makeButton('lp-sort', title, '', () => this.sortBy(at)));
    cell.setAttribute('aria-sort', sorted ? (this.sort.down ? 'descending' : 'ascending') : 'none');
    button.title = meaning;
    button.dataset.column = at;
    return cell;
  }

  // Up, down, and back to the rows' own order.
  sortBy(column) {
    this.sort = this.sort?.column !== column ? { column, down: false } : this.sort.down ? null : { column, down: true };
    this.draw();
  }

  line({ lane, cells }) {
    const line = make('tr'), [{ text, beside = [], mark }] = cells, name = line.appendChild(laneHead(lane, text));
    beside.forEach((part, at) => name.append(make('span', mark === 'failed' && at === beside.length - 1 ? 'lp-failed' : 'lp-tag', part)));
    for (const at of this.shown.slice(1)) line.append(this.cell(cells[at], this.section.headings[at]));
    return line;
  }

  cell({ text, beside = [], hint = '', mark = '' }, { numeric }) {
    const node = make('td', [numeric ? '' : 'lp-words', mark && `lp-${mark}`].filter(Boolean).join(' '), text);
    node.title = hint;
    if (beside.length) node.append(make('span', 'lp-against', beside.join(' · ')));
    return node;
  }

  // All columns, as text that spreadsheets take.
  text() {
    const whole = ({ text, beside = [] }, at) => (at && beside.length ? `${text} ${beside.join(' · ')}` : text);
    const lines = this.section.rows.map(({ cells }) => cells.map(whole));
    return [this.section.headings.map(({ title }) => title), ...lines].map((line) => line.join('\t')).join('\n');
  }
}
