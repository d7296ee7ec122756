// @ts-check
// Plays the finished run again from the lanes' own timelines: side by side, at true speed or another, computing nothing anew.
import { find, setText } from '../shared/dom.js';
/** @import { Card } from './card.js' */
/** @import { Charts } from './charts.js' */
/** @import { Race } from './race.js' */

export class Replay {
  /** @type {HTMLElement} */ root;
  /** @type {{ compare(): void, end(): void }} */ told;
  /** @type {Card[]} */ cards;
  /** @type {Race} */ race;
  /** @type {Charts} */ charts;
  /** @type {number} */ now;
  /** @type {number} */ end;
  /** @type {string[]} */ places;
  /** @type {{ real: number, now: number }} */ from;

  constructor(root, told) {
    Object.assign(this, { root, told });
    this.button = find('.lp-play', root);
    this.speed = find('.lp-speed', root);
    this.scrub = find('.lp-scrub', root);
    this.at = find('.lp-at', root);
    this.on = this.playing = false;
    this.button.addEventListener('click', () => (this.playing ? this.pause() : this.play()));
    this.speed.addEventListener('change', () => this.start());
    this.scrub.addEventListener('input', () => { this.pause(); this.seek(Number(this.scrub.value)); });
    this.scrub.addEventListener('keydown', (event) => event.stopPropagation());
  }

  /** @param {Card[]} cards @param {Race} race @param {Charts} charts */
  arm(cards, race, charts) {
    Object.assign(this, { cards, race, charts, now: 0, end: Math.max(0, ...cards.map((card) => card.timeline.end)) });
    this.scrub.max = Math.ceil(this.end);
    this.scrub.value = this.scrub.max;
    this.ready(this.end > 0);
    this.label();
  }

  // Nothing to play: a run is on, or nothing was decoded.
  disarm() {
    if (this.on) this.leave();
    this.ready(false);
    this.at.textContent = '';
  }

  ready(ready) {
    find('.lp-replay', this.root).dataset.ready = ready;
    for (const control of [this.button, this.speed, this.scrub]) control.disabled = !ready;
  }

  enter() {
    if (this.on) return;
    this.on = true;
    this.root.dataset.replay = 'true';
    this.places = this.race.rows.map((row) => row.where.textContent);
    for (const card of this.cards) card.beginReplay();
  }

  leave() {
    this.on = this.playing = false;
    delete this.root.dataset.replay;
    for (const card of this.cards) {
      card.endReplay();
      this.race.move(card.index, card.timeline.placeAt(card.timeline.times.length), this.places[card.index]);
    }
    this.told.compare();
    this.charts.show(null);
    this.scrub.value = this.scrub.max;
    this.draw();
    this.told.end();
  }

  play() {
    if (!this.on || this.now >= this.end) this.now = 0;
    this.enter();
    this.playing = true;
    this.start();
    requestAnimationFrame(() => this.tick());
  }

  start() {
    this.from = { real: performance.now(), now: this.now };
    this.draw();
  }

  pause() {
    this.playing = false;
    this.draw();
  }

  tick() {
    if (!this.playing) return;
    this.seek(this.from.now + (performance.now() - this.from.real) * Number(this.speed.value));
    if (this.now >= this.end) this.leave();
    else requestAnimationFrame(() => this.tick());
  }

  seek(ms) {
    this.enter();
    this.now = Math.min(ms, this.end);
    for (const card of this.cards) {
      const steps = card.timeline.stepsAt(this.now);
      card.playTo(steps);
      this.race.move(card.index, card.timeline.placeAt(steps), steps ? String(card.timeline.tokens[steps - 1]) : '');
    }
    this.told.compare();
    for (const card of this.cards) card.answer.follow();
    this.charts.show(this.now);
    this.scrub.value = Math.round(this.now);
    this.draw();
  }

  draw() {
    if (this.on) setText(find('.lp-run-words', this.root), `Replay at ×${this.speed.value}, each lane’s own clock`);
    setText(this.button, this.playing ? 'Pause' : this.on ? 'Go on' : 'Replay at true speed');
    this.label();
  }

  label() {
    const shown = this.on ? this.now : this.end;
    setText(this.at, `${(shown / 1e3).toFixed(2)} of ${(this.end / 1e3).toFixed(2)} s`);
  }
}
