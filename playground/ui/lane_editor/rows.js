// The rows: their fields are built when first seen, and say what is changed in them. The Lanes button opens and folds them.
// What visitors typed goes through textContent and value, never through markup. Lane text is the server's to read and to write.
const button = element.querySelector('.lp-fold'), lanes = document.getElementById('lanes');
const TOOLS = { duplicate: 'Duplicate', up: 'Move up', down: 'Move down', baseline: 'Compare the others with this lane' };

const make = (tag, className, text = '') => Object.assign(document.createElement(tag), { className, textContent: text });
const indexOf = (id) => Number(id.replace('lane-', '')) - 1;
const isOpen = () => lanes.dataset.open === 'true';

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

function tool(name, row, state) {
  const one = make('button', `lane-tool lane-${name}`), index = indexOf(row.id);
  one.type = 'button';
  one.title = TOOLS[name];
  one.setAttribute('aria-label', `${TOOLS[name]}: lane ${index + 1}`);
  if (name === 'baseline') one.setAttribute('aria-pressed', String(state.baseline));
  else one.disabled = !state.may[name];
  one.addEventListener('click', () => act(name, index, index + ({ up: -1, down: 1, duplicate: 1 }[name] ?? 0)));
  return one;
}

// The focus follows the lane to the row it goes to.
function act(name, index, to) {
  edit({ act: name, row: index }, () => {
    const row = document.getElementById(`lane-${to + 1}`) ?? document.getElementById(`lane-${to}`);
    const same = row?.querySelector(`.lane-${name}`);
    const next = same && !same.disabled ? same : row?.querySelector('.lane-tool:not(:disabled)');
    next?.focus({ preventScroll: true });
  });
}

// Redraws a row's fields; the one in use keeps its focus, and what is being typed in it.
function draw(row) {
  const state = row.state() ? JSON.parse(row.state()) : null, place = row.element.querySelector('.lane-fields');
  if (!state) return;
  row.element.querySelector('.lane-mark').textContent = state.baseline ? 'baseline' : '';
  row.drawn = isOpen();
  if (!row.drawn) return;
  const box = place.contains(document.activeElement) ? document.activeElement : null;
  const typing = box?.matches('input') && box.value !== row.fields?.[box.name] ? box.value : null;
  row.fields = state.fields;
  const fields = state.fields ? state.slots.map((slot) => field(slot, state.fields[slot.name], row)) : [make('p', 'lane-none', 'The text is not a lane yet; its fields come back when it is.')];
  const tools = make('div', 'lane-tools');
  tools.append(...Object.keys(TOOLS).map((name) => tool(name, row, state)));
  place.replaceChildren(...fields, tools);
  const same = box && [...place.querySelectorAll('input, select, button')].find((one) => (one.name || one.className) === (box.name || box.className));
  if (same && typing !== null) same.value = typing;
  same?.focus({ preventScroll: true });
}

function fold(wanted) {
  lanes.dataset.open = String(wanted);
  button.setAttribute('aria-expanded', String(wanted));
  if (wanted) for (const row of window.laneRows.values()) if (!row.drawn && row.element.isConnected) draw(row);
}

button.addEventListener('click', () => fold(!isOpen()));
document.addEventListener('lane-row', (event) => draw(window.laneRows.get(event.detail)));
for (const row of (window.laneRows ||= new Map()).values()) draw(row);

lanes.addEventListener('click', (event) => {
  const remove = event.target.closest('.lane-remove'), index = remove && indexOf(remove.closest('.lane-edit').id);
  if (remove) act('remove', index, index);
  if (event.target.closest('#add-lane')) edit({ act: 'add' });
});

lanes.addEventListener('change', (event) => {
  const box = event.target, id = box.closest('.lane-edit')?.id;
  if (!id) return;
  if (!box.closest('.lane-fields')) return edit({ act: 'typed', row: indexOf(id), text: box.value });
  const row = window.laneRows.get(id);
  row.fields = { ...row.fields, [box.name]: box.value.trim() };
  edit({ act: 'field', row: indexOf(id), name: box.name, fields: row.fields });
});

lanes.addEventListener('keydown', (event) => {
  const box = event.target, id = box.closest('.lane-edit')?.id;
  if (event.key !== 'Enter' || event.ctrlKey || event.metaKey || !id || !box.matches('input') || box.closest('.lane-fields')) return;
  edit({ act: 'typed', row: indexOf(id), text: box.value });
});

// Lanes that are pasted one a line go into one text box, which would run them together.
lanes.addEventListener('paste', (event) => {
  const lines = (event.clipboardData?.getData('text') ?? '').trim().split(/[\r\n]+/), box = event.target;
  if (lines.length < 2 || box.closest('.lane-fields') || !box.closest('.lane-edit')) return;
  event.preventDefault();
  document.execCommand('insertText', false, lines.join('; '));
  box.blur();
}, true);

function heard() {
  const said = JSON.parse(props.value || '{}');
  if ('done' in said) answered(said.done);
  if (!('locked' in said)) return;
  button.disabled = said.locked;
  if (said.locked) fold(false);
}
watch('value', heard);
