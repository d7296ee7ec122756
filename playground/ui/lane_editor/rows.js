// The rows: their fields are built when first seen, and say what is changed in them. The Lanes button opens and folds them.
// What visitors typed goes through textContent and value, never through markup. Lane text is the server's to read and to write.
import { find, make } from '../shared/dom.js';
import { Edits } from './edits.js';
import { CHANGED, ROWS } from './row.js';

const TOOLS = { duplicate: 'Duplicate', up: 'Move up', down: 'Move down', baseline: 'Compare the others with this lane' };
const NOT_A_LANE = 'The text is not a lane yet; its fields come back when it is.';
const indexOf = (id) => Number(id.replace('lane-', '')) - 1;

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

function option([value, label, reason]) {
  const one = make('option', '', reason ? `${label}: ${reason}` : label);
  one.value = value;
  one.disabled = Boolean(reason);
  return one;
}

function field(slot, value, row) {
  const label = make('label', 'lane-field'), box = make(slot.choices.length || slot.reason ? 'select' : 'input', '');
  label.append(make('span', '', slot.label), box);
  if (slot.reason) {
    box.append(make('option', '', '–'));
    box.disabled = true;
    label.title = slot.reason;
    box.setAttribute('aria-description', slot.reason);
  } else if (slot.choices.length) {
    box.append(...slot.choices.map(option));
  } else {
    Object.assign(box, { type: 'text', inputMode: 'decimal', placeholder: slot.hint, autocomplete: 'off', spellcheck: false });
  }
  box.name = slot.name;
  box.setAttribute('aria-label', `${slot.label} of lane ${indexOf(row.id) + 1}`);
  if (!slot.reason) box.value = value;
  return label;
}

class Rows {
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
    if (open) for (const row of ROWS.values()) if (!row.drawn && row.element.isConnected) this.draw(row);
  }

  lock(locked) {
    this.button.disabled = locked;
    if (locked) this.fold(false);
  }

  // Redraws a row's fields; the one in use keeps its focus, and what is being typed in it.
  draw(row) {
    const state = row.state() ? JSON.parse(row.state()) : null, place = find('.lane-fields', row.element);
    if (!state) return;
    find('.lane-mark', row.element).textContent = state.baseline ? 'baseline' : '';
    row.drawn = this.open;
    if (!row.drawn) return;
    const box = place.contains(document.activeElement) ? document.activeElement : null;
    const typing = box?.matches('input') && box.value !== row.fields?.[box.name] ? box.value : null;
    row.fields = state.fields;
    const slots = state.slots.map((slot) => field(slot, state.fields[slot.name], row));
    const tools = make('div', 'lane-tools');
    tools.append(...Object.keys(TOOLS).map((name) => this.tool(name, row, state)));
    place.replaceChildren(...(state.fields ? slots : [make('p', 'lane-none', NOT_A_LANE)]), tools);
    const key = (one) => one.name || one.className;
    const same = box && [...place.querySelectorAll('input, select, button')].find((one) => key(one) === key(box));
    if (same && typing !== null) same.value = typing;
    same?.focus({ preventScroll: true });
  }

  tool(name, row, state) {
    const one = make('button', `lane-tool lane-${name}`), index = indexOf(row.id);
    one.type = 'button';
    one.title = TOOLS[name];
    one.setAttribute('aria-label', `${TOOLS[name]}: lane ${index + 1}`);
    if (name === 'baseline') one.setAttribute('aria-pressed', String(state.baseline));
    else one.disabled = !state.may[name];
    one.addEventListener('click', () => this.act(name, index, index + ({ up: -1, down: 1, duplicate: 1 }[name] ?? 0)));
    return one;
  }

  // The focus follows the lane to the row it goes to.
  act(name, index, to) {
    this.edits.edit({ act: name, row: index }, () => {
      const row = document.getElementById(`lane-${to + 1}`) ?? document.getElementById(`lane-${to}`);
      const same = row?.querySelector(`.lane-${name}`);
      const next = same && !same.disabled ? same : row?.querySelector('.lane-tool:not(:disabled)');
      next?.focus({ preventScroll: true });
    });
  }

  clicked({ target }) {
    const remove = target.closest('.lane-remove'), index = remove && indexOf(remove.closest('.lane-edit').id);
    if (remove) this.act('remove', index, index);
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
