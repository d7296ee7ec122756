// The same timelines by another tool's definitions. The choice outlives the run; its figures come when the run is over.
import { find, headRow, laneHead, make, setText } from '../shared/dom.js';

export class Definitions {
  constructor(root) {
    this.box = find('.lp-definitions', root);
    this.select = find('select', this.box);
    this.select.addEventListener('change', () => this.draw());
  }

  begin(run) {
    const { tools, headings, note } = run.definitions;
    Object.assign(this, { lanes: run.lanes, headings, tables: {} });
    if (!this.select.options.length) {
      for (const { name, title } of [{ name: '', title: 'this page' }, ...tools]) this.select.add(new Option(title, name));
    }
    setText(find('.lp-definitions-note', this.box), note);
    this.draw();
  }

  set(tables) {
    this.tables = tables;
    this.draw();
  }

  draw() {
    const name = this.select.value, known = this.tables[name], body = make('tbody');
    find('.lp-definitions-read', this.box).hidden = !name;
    if (!name) return;
    body.append(...this.lanes.map(({ label }, lane) => this.line(lane, label, known?.rows[lane].cells)));
    find('table', this.box).replaceChildren(headRow(this.headings), body);
    find('ul', this.box).replaceChildren(...(known ? this.reasons(known) : [make('li', '', 'Figures come when the run is over.')]));
  }

  reasons({ why }) {
    return (why.length ? why : ['No figure is another.']).map((one) => make('li', '', one));
  }

  line(lane, label, cells) {
    const line = make('tr');
    line.append(laneHead(lane, label), ...this.headings.slice(1).map((_, at) => this.cell(cells?.[at])));
    return line;
  }

  // What differs has a mark and this page's figure under it: never colour alone.
  cell(cell) {
    const node = make('td', '', cell?.text ?? '–');
    if (!cell || cell.here === null) return node;
    node.className = 'lp-changed';
    node.append(make('span', 'lp-against', `≠ here ${cell.here}`));
    return node;
  }
}
