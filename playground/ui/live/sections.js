// @ts-check
// The report beneath the charts: the results, every other section of the run, and the same timelines by other tools' definitions.
import { copyFrom } from '../shared/copy.js';
import { find, make, setText } from '../shared/dom.js';
import { SectionTable } from './section.js';
/** @import { Frame, SectionRecord, Start } from './feed.d.ts' */

export class Sections {
  /** @type {Record<string, SectionTable>} */ tables;

  constructor(root) {
    this.results = new SectionTable(find('.lp-result', root));
    this.others = find('.lp-sections', root);
    this.more = find('.lp-more', root);
    this.more.addEventListener('click', () => this.showAll(!this.results.all));
    find('.lp-copy', root).addEventListener('click', (event) => copyFrom(event.currentTarget, this.results.text()));
    this.method = find('.lp-method dl', root);
    this.readings = new Readings(find('.lp-definitions', root));
  }

  /** @param {Start} run */
  begin(run) {
    this.others.replaceChildren();
    this.tables = { results: this.results };
    this.results.sort = null;
    this.take(run);
    this.showAll(this.results.all);
    this.explain(run);
    this.readings.begin(run);
  }

  /** @param {Pick<Frame, 'sections' | 'readings'>} record */
  take({ sections = {}, readings }) {
    for (const [key, change] of Object.entries(sections)) (this.tables[key] ??= this.add(key, change)).change(change);
    if (readings) this.readings.set(readings);
  }

  showAll(all) {
    this.results.showAll(all);
    setText(this.more, all ? 'Main figures' : `All ${this.results.section.headings.length - 1} figures`);
  }

  /** @param {string} key @param {any} section */
  add(key, { title }) {
    const box = this.others.appendChild(make('section', 'lp-section')), region = make('div', 'lp-results');
    box.dataset.section = key;
    box.setAttribute('aria-label', title);
    region.append(make('table'));
    region.tabIndex = 0;
    region.setAttribute('role', 'region');
    region.setAttribute('aria-label', `Table: ${title}`);
    box.append(make('p', 'lp-section-title'), region, make('ul', 'lp-section-notes'));
    return new SectionTable(box);
  }

  // What every figure means, and where the targets come from.
  /** @param {Start} run */
  explain({ sections: { results }, targets: { meanings, options } }) {
    const entry = (term, meaning) => [make('dt', '', term), make('dd', '', meaning)];
    const columns = results.headings.slice(1).map(({ title, meaning }) => [title, meaning]);
    const limits = options.map(({ title, source }) => [`Target: ${title}`, source]);
    this.method.replaceChildren(...[...columns, ...meanings, ...limits].flatMap((one) => entry(...one)));
  }
}

// The choice outlives the run; its figures come when the run is over.
class Readings {
  /** @type {HTMLElement} */ box;
  /** @type {SectionTable} */ table;
  /** @type {Record<string, SectionRecord>} */ sections;
  /** @type {HTMLSelectElement} */ select;

  constructor(box) {
    Object.assign(this, { box, table: new SectionTable(box), sections: {} });
    this.select = find('select', box);
    this.select.addEventListener('change', () => this.draw());
  }

  /** @param {Start} run */
  begin({ tools, readings }) {
    if (!this.select.options.length) {
      for (const { name, title } of [{ name: '', title: 'this page' }, ...tools]) this.select.add(new Option(title, name));
    }
    this.set(readings);
  }

  set(sections) {
    this.sections = sections;
    this.draw();
  }

  draw() {
    const section = this.sections[this.select.value];
    find('.lp-definitions-read', this.box).hidden = !section;
    if (section) this.table.show(section);
  }
}
