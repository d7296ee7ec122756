// @ts-check
// All edits go to the server through here, one after the other: each is answered for the page as the one before left it.
// What is pressed while an answer is awaited waits too: Run runs what is seen.
/** @import { Component } from '../shared/page.d.ts' */
const PATIENCE_MS = 5000;

export class Edits {
  /** @type {Component['trigger']} */ trigger;
  /** @type {((() => void) & { act?: string })[]} */ waiting;
  /** @type {number} */ serial;
  /** @type {number} */ asked;
  /** @type {ReturnType<typeof setTimeout>} */ patience;
  /** @type {(() => void) | null} */ then;

  /** @param {Component['trigger']} trigger */
  constructor(trigger) {
    Object.assign(this, { trigger, waiting: [], serial: 0, asked: 0, patience: 0, then: null });
    document.addEventListener('click', (event) => this.holdRun(event), true);
    document.addEventListener('lp-edit', (event) => this.edit(event.detail));
    // After this component is wired: what it triggers before is lost.
    if (/[?&](run|preset)=/.test(location.search)) setTimeout(() => this.edit({ act: 'restore', search: location.search }), 0);
  }

  // `after` is called once the answer is here.
  edit(report, after = null) {
    const send = Object.assign(() => this.send(report, after), { act: report.act });
    if (report.act === 'set' && this.waiting.at(-1)?.act === 'set') return;
    if (this.asked) this.waiting.push(send);
    else send();
  }

  send(report, after) {
    const serial = this.asked = this.serial += 1;
    this.then = after;
    this.patience = setTimeout(() => this.next(), PATIENCE_MS); // an answer that is lost must not lock the page
    // Not at once: a text box hands on what was typed in it a moment after the browser says so.
    setTimeout(() => this.trigger('input', { ...report, serial }), 0);
  }

  next() {
    clearTimeout(this.patience);
    this.asked = 0;
    this.waiting.shift()?.();
  }

  answered(serial) {
    if (!this.asked || serial !== this.asked) return;
    const finish = this.then;
    requestAnimationFrame(() => { finish?.(); this.next(); });
  }

  holdRun(event) {
    const run = event.target.closest?.('#run');
    if (!run || !this.asked) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.waiting.push(() => { run.click(); this.next(); });
  }
}
