// The results table.
class Table {
  constructor() {
    this.table = find('.lp-results table');
  }

  begin({ columns, rows }) {
    this.columns = columns;
    const header = make('tr', '');
    for (const [title, meaning] of columns) {
      const cell = header.appendChild(make('th', '', title));
      cell.scope = 'col';
      cell.title = meaning;
    }
    const top = make('thead', '');
    top.append(header);
    this.table.replaceChildren(top, make('tbody', ''));
    this.fill(rows);
  }

  fill(rows) {
    find('tbody', this.table).replaceChildren(...rows.map((cells, index) => {
      const row = make('tr', ''), first = make('th', '');
      first.scope = 'row';
      first.append(swatch(index), make('span', 'lp-number', String(index + 1)), document.createTextNode(cells[0]));
      row.append(first, ...cells.slice(1).map((text) => make('td', '', text)));
      if (cells.length < this.columns.length) {
        row.lastChild.colSpan = this.columns.length - cells.length + 1;
        row.lastChild.className = 'lp-failed';
      }
      return row;
    }));
  }
}
