// @ts-check
// One lane's row. Lane text is the server's to read and to write; the fields say what is changed in it.
import { find, make } from '../shared/dom.js';
import { field, optionGroups } from './fields.js';
import { attachPopover } from './popover.js';
/** @import { Component } from '../shared/page.d.ts' */

const TOOLS = { duplicate: 'Duplicate', up: 'Move up', down: 'Move down', baseline: 'Compare the others with this lane' };
const NOT_A_LANE = 'The text is not a lane yet; its fields come back when it is.';

export const ROWS = new Map();
export const CHANGED = 'lane-row';
export const indexOf = (id) => Number(id.replace('lane-', '')) - 1;

// Only hands itself over: its fields are drawn once someone opens them.
/** @param {Component} component */
export function mount({ element, props, watch }) {
  const { id } = element.closest('.lane-edit');
  const row = new Row(id, element, () => props.value);
  const tell = () => document.dispatchEvent(new CustomEvent(CHANGED, { detail: row }));
  ROWS.set(id, row);
  watch('value', tell);
  tell();
}

class Row {
  /** @type {string} */ id;
  /** @type {HTMLElement} */ element;
  /** @type {() => string} */ read;
  /** @type {Record<string, string> | null} */ fields;
  /** @type {boolean} */ drawn;

  constructor(id, element, read) {
    Object.assign(this, { id, element, read, fields: null, drawn: false });
    this.place = find('.lane-fields', element);
  }

  get number() { return indexOf(this.id) + 1; }

  get state() { return this.read() ? JSON.parse(this.read()) : null; }

  // The one that stands in the page still.
  get there() { return this.element.isConnected; }

  mark(state) {
    find('.lane-mark', this.element).textContent = state.baseline ? 'baseline' : '';
  }

  // Draws the fields anew; the one in use keeps its focus, and what is being typed in it. `act` is called with a tool's name.
  draw(state, act) {
    const used = this.place.contains(document.activeElement) ? document.activeElement : null;
    const typing = used?.matches('input') && used.value !== this.fields?.[used.name] ? used.value : null;
    if (!this.panel) this.build();
    this.fields = state.fields;
    this.drawn = true;
    const main = state.main.map((slot) => field(slot, state.fields[slot.name], this.number));
    this.main.replaceChildren(...(state.fields ? main : [make('p', 'lane-none', NOT_A_LANE)]));
    this.drawOptions(state);
    this.tools.replaceChildren(...Object.keys(TOOLS).map((name) => this.tool(name, state, act)));
    this.focusAgain(used, typing);
  }

  build() {
    this.main = make('div', 'lane-main');
    this.button = make('button', 'lane-options-button');
    this.button.type = 'button';
    this.panel = make('div', 'lane-options');
    this.panel.setAttribute('role', 'dialog');
    this.tools = make('div', 'lane-tools');
    const label = make('div', 'lane-field lane-field-options');
    label.append(make('span', 'lane-field-name', 'options'), this.button);
    this.place.replaceChildren(this.main, label, this.panel, this.tools);
    attachPopover(this.button, this.panel);
  }

  drawOptions(state) {
    const words = state.set || 'default';
    this.button.textContent = words;
    this.button.title = words;
    this.button.disabled = !state.fields;
    this.button.setAttribute('aria-label', `Options of lane ${this.number}: ${words}`);
    this.panel.setAttribute('aria-label', `Options of lane ${this.number}`);
    this.panel.replaceChildren(...(state.fields ? optionGroups(state, this.number) : []));
  }

  tool(name, state, act) {
    const one = make('button', `lane-tool lane-${name}`);
    one.type = 'button';
    one.title = TOOLS[name];
    one.setAttribute('aria-label', `${TOOLS[name]}: lane ${this.number}`);
    if (name === 'baseline') one.setAttribute('aria-pressed', String(state.baseline));
    else one.disabled = !state.may[name];
    one.addEventListener('click', () => act(name));
    return one;
  }

  focusAgain(used, typing) {
    const key = (one) => one.name || one.className;
    const same = used && [...this.place.querySelectorAll('input, select, button')].find((one) => key(one) === key(used));
    if (same && typing !== null) same.value = typing;
    same?.focus({ preventScroll: true });
  }

  close() {
    if (this.panel?.matches(':popover-open')) this.panel.hidePopover();
  }
}
