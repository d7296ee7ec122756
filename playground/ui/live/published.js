// What others have published of such lanes, beside what was measured here. Shown only in a run that has lanes of which something was.
class Published {
  constructor() {
    this.box = find('.lp-published');
  }

  begin(run) {
    const { published } = run;
    this.box.hidden = !published;
    if (!published) return;
    this.headings = published.headings;
    setText(find('.lp-source', this.box), `Published: ${published.source}.`);
    find('ul', this.box).replaceChildren(...published.also.map((one) => make('li', '', one)));
    setText(find('.lp-why', this.box), published.why);
    this.set(published.rows);
  }

  set(rows) {
    const head = make('thead', ''), body = make('tbody', '');
    const titles = head.appendChild(make('tr', ''));
    titles.append(...this.headings.map((title) => Object.assign(make('th', '', title), { scope: 'col' })));
    body.append(...rows.map((row) => this.line(row)));
    find('table', this.box).replaceChildren(head, body);
  }

  line({ lane, label, texts }) {
    const line = make('tr', ''), name = line.appendChild(make('th', ''));
    name.scope = 'row';
    name.append(swatch(lane), make('span', 'lp-number', String(lane + 1)), document.createTextNode(label));
    line.append(...texts.map((text) => make('td', '', text)));
    return line;
  }
}
