// What others have published of such lanes, beside what was measured here. Shown only in a run that has lanes of which something was.
import { find, headRow, laneHead, make, setText } from '../shared/dom.js';

export class Published {
  constructor(root) {
    this.box = find('.lp-published', root);
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
    const body = make('tbody');
    body.append(...rows.map((row) => this.line(row)));
    find('table', this.box).replaceChildren(headRow(this.headings), body);
  }

  line({ lane, label, texts }) {
    const line = make('tr');
    line.append(laneHead(lane, label), ...texts.map((text) => make('td', '', text)));
    return line;
  }
}
