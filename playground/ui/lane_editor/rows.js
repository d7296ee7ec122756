// @ts-check
// The rows together: the Lanes button opens and folds them, and their edits are reported one after the other.
import { find } from '../shared/dom.js';
import { Edits } from './edits.js';
import { CHANGED, ROWS, indexOf } from './row.js';
/** @import { Component } from '../shared/page.d.ts' */

/** @param {Component} component */
export function mount({ element, props, trigger, watch }) {
  const edits = new Edits(trigger), rows = new Rows(find('.lp-fold', element), document.getElementById('lanes'), edits);
  const read = () => {
    const value = JSON.parse(props.value || '{}');
    if ('done' in value) edits.answered(value.done);
    if ('locked' in value) rows.lock(value.locked);
  };
  watch('value', read);
  read();
}

class Rows {
  /** @type {HTMLButtonElement} */ button;
  /** @type {HTMLElement} */ lanes;
  /** @type {Edits} */ edits;

  constructor(button, lanes, edits) {
    Object.assign(this, { button, lanes, edits });
    button.addEventListener('click', () => this.fold(!this.open));
    document.addEventListener(CHANGED, (event) => this.draw(event.detail));
    for (const row of ROWS.values()) this.draw(row);
    lanes.addEventListener('click', (event) => this.clicked(event));
    lanes.addEventListener('change', (event) => this.changed(event));
    lanes.addEventListener('keydown', (event) => this.typed(event));
    lanes.addEventListener('paste', pasteLines, true);
  }

  get open() { return this.lanes.dataset.open === 'true'; }

  fold(open) {
    this.lanes.dataset.open = String(open);
    this.button.setAttribute('aria-expanded', String(open));
    for (const row of ROWS.values()) {
      if (!open) row.close();
      else if (!row.drawn && row.there) this.draw(row);
    }
  }

  lock(locked) {
    this.button.disabled = locked;
    if (locked) this.fold(false);
  }

  draw(row) {
    const { state } = row;
    if (!state) return;
    row.mark(state);
    row.drawn = false;
    if (this.open) row.draw(state, (name) => this.act(name, indexOf(row.id)));
  }

  // The focus follows the lane to the row it goes to.
  act(name, index) {
    const to = index + ({ up: -1, down: 1, duplicate: 1 }[name] ?? 0);
    this.edits.edit({ act: name, row: index }, () => {
      const row = document.getElementById(`lane-${to + 1}`) ?? document.getElementById(`lane-${to}`);
      const tool = (selector) => /** @type {HTMLButtonElement} */ (row?.querySelector(selector)), same = tool(`.lane-${name}`);
      const next = same && !same.disabled ? same : tool('.lane-tool:not(:disabled)');
      next?.focus({ preventScroll: true });
    });
  }

  clicked({ target }) {
    const remove = target.closest('.lane-remove');
    if (remove) this.act('remove', indexOf(remove.closest('.lane-edit').id));
    if (target.closest('#add-lane')) this.edits.edit({ act: 'add' });
  }

  changed({ target }) {
    const id = target.closest('.lane-edit')?.id;
    if (!id) return;
    if (!target.closest('.lane-fields')) return this.edits.edit({ act: 'typed', row: indexOf(id), text: target.value });
    const row = ROWS.get(id);
    row.fields = { ...row.fields, [target.name]: target.value.trim() };
    this.edits.edit({ act: 'field', row: indexOf(id), name: target.name, fields: row.fields });
  }

  typed({ key, ctrlKey, metaKey, target }) {
    const id = target.closest('.lane-edit')?.id;
    if (key !== 'Enter' || ctrlKey || metaKey || !id || !target.matches('input') || target.closest('.lane-fields')) return;
    this.edits.edit({ act: 'typed', row: indexOf(id), text: target.value });
  }
}

// Lanes that are pasted one a line go into one text box, which would run them together.
function pasteLines(event) {
  const lines = (event.clipboardData?.getData('text') ?? '').trim().split(/[\r\n]+/), box = event.target;
  if (lines.length < 2 || box.closest('.lane-fields') || !box.closest('.lane-edit')) return;
  event.preventDefault();
  document.execCommand('insertText', false, lines.join('; '));
  box.blur();
}
