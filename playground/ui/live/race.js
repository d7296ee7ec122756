// @ts-check
// The race strip: one slim bar a lane, on one shared axis of tokens.
import { make, setText, swatch } from '../shared/dom.js';
/** @import { Card } from './card.js' */
/** @import { Run } from './view.js' */

export class Race {
  /** @param {HTMLElement} box @param {Card[]} cards @param {Run} run */
  constructor(box, cards, run) {
    this.run = run;
    this.rows = cards.map((card) => {
      const node = make('div', 'lp-runner'), label = make('span', 'lp-runner-label', card.lane.short);
      label.title = card.lane.label;
      const bar = make('span', 'lp-track').appendChild(make('i', 'lp-bar'));
      const where = make('span', 'lp-where', '');
      node.style.setProperty('--lane', `var(--lane-${card.index})`);
      node.append(swatch(card.index), make('span', 'lp-number', String(card.index + 1)), label, bar.parentNode, where);
      return { node, bar, where };
    });
    box.replaceChildren(...this.rows.map((row) => row.node));
  }

  // After so many tokens of the lane's longest row; `words` stand at the end of the track.
  move(index, tokens, words) {
    const { node, bar, where } = this.rows[index];
    bar.style.transform = `scaleX(${Math.min(1, tokens / this.run.tokens)})`;
    node.dataset.apart = '';
    setText(where, words);
  }

  // What is no part of the race, as a share of the track: a warm-up's tokens, a download's bytes.
  apart(index, share, words) {
    const { node, bar, where } = this.rows[index];
    bar.style.transform = `scaleX(${Math.min(1, share)})`;
    node.dataset.apart = 'true';
    setText(where, words);
  }
}
