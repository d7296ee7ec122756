// @ts-check
// A lane's fields. What visitors typed goes through textContent and value, never through markup.
import { make } from '../shared/dom.js';

const TYPED = { type: 'text', inputMode: 'decimal', autocomplete: 'off', spellcheck: false };

function option([value, label, reason]) {
  const one = make('option', '', reason ? `${label}: ${reason}` : label);
  one.value = value;
  one.disabled = Boolean(reason);
  return one;
}

// Chosen from a list, or typed when there is none.
function box({ name, choices, hint = '' }, value) {
  const node = make(choices.length ? 'select' : 'input');
  node.append(...choices.map(option));
  if (!choices.length) Object.assign(node, TYPED, { placeholder: hint });
  node.name = name;
  node.value = value;
  return node;
}

// `lane` is its number, for those who hear the page.
export function field(slot, value, lane) {
  const label = make('label', 'lane-field'), name = slot.label ?? slot.name, node = box(slot, value);
  node.setAttribute('aria-label', `${name} of lane ${lane}`);
  label.append(make('span', 'lane-field-name', name), node);
  return label;
}

// With its limits and what it does.
function optionField(slot, value, lane) {
  const node = field(slot, value, lane), box = /** @type {HTMLElement} */ (node.lastChild);
  const notes = [slot.limits, slot.help].filter(Boolean).join('. ');
  if (!notes) return node;
  box.setAttribute('aria-description', notes);
  node.append(make('small', 'lane-field-notes', notes));
  return node;
}

// The options of a lane by what they belong to, and why it does not have the others.
export function optionGroups({ groups, absent, fields }, lane) {
  const nodes = groups.map(({ title, fields: slots }) => {
    const group = make('div', 'lane-group');
    group.setAttribute('role', 'group');
    group.setAttribute('aria-label', title);
    group.append(make('p', 'lane-group-title', title), ...slots.map((slot) => optionField(slot, fields[slot.name], lane)));
    return group;
  });
  const others = make('ul', 'lane-absent');
  others.append(...absent.map((sentence) => make('li', '', sentence)));
  return absent.length ? [...nodes, others] : nodes;
}
