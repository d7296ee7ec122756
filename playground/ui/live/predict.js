// @ts-check
// Before a run: which lane will finish first? One click, or none; the answer stands beside the run's words when it is over.
import { find, make, makeButton, swatch } from '../shared/dom.js';
/** @import { Card } from './card.js' */
/** @import { Run } from './view.js' */

export class Predict {
  constructor(root) {
    this.box = find('.lp-predict', root);
    this.picked = null;
  }

  // By default the lanes as they stand in the controls now.
  ask(lanes = editedLanes()) {
    if (this.picked !== null && this.picked >= lanes.length) this.picked = null;
    const chips = lanes.map((text, index) => {
      const chip = makeButton('lp-pick', '', `Lane ${index + 1}, ${text}, will finish first`, () => this.pick(index));
      chip.append(swatch(index), make('span', '', String(index + 1)));
      chip.setAttribute('aria-pressed', String(this.picked === index));
      return chip;
    });
    this.box.replaceChildren(...(lanes.length > 1 ? [make('span', '', 'Which lane finishes first?'), ...chips] : []));
  }

  pick(index) {
    this.picked = this.picked === index ? null : index;
    [...this.box.querySelectorAll('.lp-pick')].forEach((chip, at) => chip.setAttribute('aria-pressed', String(this.picked === at)));
  }

  /** @param {Run} run */
  begin(run) {
    this.pickedLane = run.idle || run.watching ? null : this.picked;
    if (run.idle) return this.ask(run.lanes.map(({ label }) => label)); // the rows may not be filled yet
    this.picked = null;
    this.tell('You picked', this.pickedLane, '');
  }

  /** @param {Card[]} cards */
  reveal(cards) {
    const finished = cards.filter((card) => card.state === 'done' && card.finished !== null);
    if (this.pickedLane === null || !finished.length) return;
    const first = finished.reduce((best, card) => (card.finished < best.finished ? card : best)).index;
    if (first === this.pickedLane) this.tell('You picked', first, ': right');
    else this.tell('You picked', this.pickedLane, ', first was', first);
  }

  tell(before, lane, after, other = null) {
    const named = (index) => (index === null ? [] : [swatch(index), make('b', '', String(index + 1))]);
    const words = [make('span', '', before), ...named(lane), make('span', '', after), ...named(other)];
    this.box.replaceChildren(...(lane === null ? [] : words));
  }
}

function editedLanes() {
  const rows = [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.lane-edit'))];
  return rows.filter((row) => row.offsetParent !== null).map((row) => find('textarea, input', row)?.value ?? '');
}
