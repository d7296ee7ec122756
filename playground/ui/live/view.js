// @ts-check
// One run as it is shown: its records change the cards, the race, the charts and the tables.
import { copyFrom } from '../shared/copy.js';
import { find, make, setText } from '../shared/dom.js';
import { Card } from './card.js';
import { Charts } from './charts.js';
import { Predict } from './predict.js';
import { Race } from './race.js';
import { Replay } from './replay.js';
import { Sections } from './sections.js';
import { Targets } from './targets.js';
/** @import { First, Frame, LaneChanges, Start } from './feed.d.ts' */

/** @typedef {Start & { meaning(name: string): string }} Run With what a figure means, by its title. */

const PHONE_PX = 640;
const HEARD = 20; // milestones a screen reader finds
const LINES = { verdict: '.lp-verdict', measure: '.lp-measure', beneath: '.lp-beneath', note: '.lp-note' };

export class LiveView {
  /** @type {HTMLElement} */ root;
  /** @type {Run | null} */ run;
  /** @type {string} */ words;
  /** @type {Card[]} */ cards;
  /** @type {Race | null} */ race;

  // `ask` holds lanes against a target (`targets.js`).
  constructor(root, ask) {
    Object.assign(this, { root, run: null, cards: [], race: null });
    this.charts = new Charts(root);
    this.targets = new Targets(root, this.charts, ask);
    this.sections = new Sections(root);
    this.predict = new Predict(root);
    this.replay = new Replay(root, { compare: () => this.compare(), end: () => this.say(this.words) });
    this.dialog = find('.lp-code', root);
    find('.lp-code-copy', root).addEventListener('click', (event) => copyFrom(event.target, find('.lp-code code', root).textContent));
    find('.lp-code-close', root).addEventListener('click', () => this.dialog.close());
  }

  get state() { return this.root.dataset.state; }

  get ended() { return ['done', 'cancelled'].includes(this.state); }

  say(words) {
    setText(find('.lp-run-words', this.root), words);
  }

  // For screen readers: milestones, not tokens.
  announce(text) {
    const log = find('.lp-sr', this.root);
    log.append(make('p', '', text));
    while (log.children.length > HEARD) log.firstChild.remove();
  }

  // ---- a run begins ----

  /** @param {Run} run */
  begin(run) {
    if (this.replay.on) this.replay.leave();
    Object.assign(this, { run, words: run.idle ? 'Ready' : 'Starting' });
    run.meaning = (name) => run.sections.results.headings.find(({ title }) => title === name)?.meaning ?? '';
    this.root.dataset.state = run.idle ? 'idle' : 'waiting';
    this.root.removeAttribute('data-stale');
    this.root.toggleAttribute('data-watching', Boolean(run.watching));
    this.say(this.words);
    for (const selector of Object.values(LINES)) setText(find(selector, this.root), '');
    find('.lp-sr', this.root).replaceChildren();
    this.reserve(run.lanes.length);
    this.lay(run);
    this.sections.begin(run);
    this.charts.begin(run, this.cards);
    this.targets.begin(run);
    this.replay.disarm();
    this.predict.begin(run);
    this.measure(run.measure);
    if (!run.idle && window.innerWidth <= PHONE_PX) this.root.scrollIntoView({ block: 'start' });
  }

  // Room for so many lanes: nothing moves when their figures come.
  reserve(count) {
    find('.lp-cards', this.root).style.setProperty('--columns', count > 8 ? 3 : count > 4 ? Math.ceil(count / 2) : count);
    this.root.style.setProperty('--chart-height', `${Math.max(180, 76 + 22 * count)}px`); // 22 px a bar
    this.root.style.setProperty('--verdict-height', count > 4 ? '54px' : '36px'); // with more lanes there is more to say
  }

  /** @param {Run} run */
  lay(run) {
    const told = {
      turn: (card) => this.compare(card), announce: (text) => this.announce(text), code: (card) => this.showCode(card),
    };
    this.cards = run.lanes.map((lane, index) => new Card(lane, index, run, told));
    find('.lp-cards', this.root).replaceChildren(...this.cards.map((card) => card.node));
    this.race = new Race(find('.lp-race', this.root), this.cards, run);
  }

  // What is said at the end may be shorter: the line keeps its height.
  measure(text) {
    const line = find('.lp-measure', this.root);
    setText(line, text);
    line.style.minHeight = '';
    line.style.minHeight = `${line.offsetHeight}px`;
  }

  // ---- and goes on ----

  /** @param {Partial<First> & Frame} record */
  take(record) {
    if (record.start) return this.begin(/** @type {Run} */ (record.start));
    const written = Object.entries(record.lanes || {}).filter(([index, change]) => this.updateLane(Number(index), change));
    if (written.length) this.compare();
    for (const [index] of written) this.cards[index].answer.follow();
    if ('words' in record) this.say(this.words = this.run.watching ? `Watching: ${record.words}` : record.words);
    if ('charts' in record) this.charts.update(record.charts);
    if ('repeats' in record) this.targets.refresh();
    this.sections.take(record);
    for (const [key, selector] of Object.entries(LINES)) if (key in record) setText(find(selector, this.root), record[key]);
    if ('beneath' in record) find('.lp-beneath', this.root).title = record.beneath;
    if ('state' in record) this.setState(record.state, record.words);
  }

  // True when the lane's text is another.
  /** @param {number} index @param {LaneChanges} change */
  updateLane(index, change) {
    const card = this.cards[index], again = card.update(change);
    if (again && index === this.run.baseline) for (const other of this.cards) other.answer.forget();
    this.moveRunner(card, change);
    if (change.steps) this.charts.grow([index]);
    return Boolean(change.steps || change.text || again);
  }

  /** @param {Card} card @param {LaneChanges} change */
  moveRunner({ index, timeline }, change) {
    const { race } = this, place = timeline.placeAt(timeline.times.length);
    if ('warm' in change) race.apart(index, change.warm / this.run.tokens, 'warm-up');
    if (change.steps || change.fresh) race.move(index, place, String(timeline.tokens.at(-1) ?? ''));
    if (typeof change.fraction === 'number') race.apart(index, change.fraction, `${Math.floor(change.fraction * 100)} %`);
    if (change.e2e && change.e2e !== '–') race.move(index, place, change.e2e);
  }

  // Marks where each lane's text departs from the baseline's row with the same prompt; in a smaller batch there may be none.
  compare(only = null) {
    const base = this.cards[this.run.baseline], { rows } = base.answer;
    for (const card of this.cards) {
      if (card === base || (only && only !== base && card !== only)) continue;
      const { row } = card.answer;
      card.answer.compare(rows[row] ?? rows[row % this.run.prompts] ?? '');
    }
  }

  setState(state, words) {
    this.root.dataset.state = state;
    if (words) this.announce(words);
    if (!this.ended) return;
    this.charts.flush(true);
    this.replay.arm(this.cards, this.race, this.charts);
    this.predict.reveal(this.cards);
  }

  // ---- without a run ----

  leave() {
    if (!this.ended && this.state !== 'idle') this.end('left', 'Not watched any more');
  }

  lose() {
    this.end('lost', 'The connection to the server is lost; reload the page');
  }

  end(state, words) {
    this.root.dataset.state = state;
    this.say(this.words = words);
  }

  // The lanes to pick from are those in the controls; once settings change, the question stands again.
  askAgain() {
    if (this.root.hasAttribute('data-stale') || this.state === 'idle') this.predict.ask();
  }

  /** @param {Card} card */
  showCode(card) {
    find('h2', this.dialog).textContent = `Lane ${card.index + 1}: ${card.lane.label}`;
    find('code', this.dialog).textContent = card.lane.code;
    this.dialog.showModal();
  }
}
