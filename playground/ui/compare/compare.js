// @ts-check
// The page's last run against a recording of the reader's. The file goes to the server as text, and nothing of it is kept there.
import { find, headRow, laneHead, make } from '../shared/dom.js';
/** @import { Component } from '../shared/page.d.ts' */

/** @param {Component} component */
export function mount({ element, props, trigger, watch }) {
  const panel = find('.lp-compare', element), pick = find('.lp-compare-pick', panel), input = find('input', panel);
  const status = find('.lp-compare-said', panel);

  const read = async ([file]) => {
    if (!file) return;
    input.value = ''; // so that the same file can be picked again
    if (file.size > props.most_bytes) {
      status.textContent = `${file.name} is too large: ${megabytes(file.size)} MB; allowed: at most ${props.most_bytes / 1e6} MB`;
      return;
    }
    pick.disabled = true;
    status.textContent = `Reading ${file.name}`;
    trigger('input', { name: file.name, text: await file.text() });
  };

  const show = () => {
    pick.disabled = false;
    status.textContent = '';
    const value = props.value ? JSON.parse(props.value) : { found: null };
    if ('found' in value) draw(find('.lp-compare-found', panel), value.found);
  };

  pick.addEventListener('click', () => input.click());
  input.addEventListener('change', () => read(input.files));
  watch('value', show);
  show();
}

const megabytes = (bytes) => Math.ceil(bytes / 1e6);

// What was found; null: nothing is compared.
function draw(box, found) {
  box.hidden = found === null;
  if (found) fill(box, found);
}

// A lane's colour and number are those of this page's run.
function line({ label, second, cells }) {
  const node = make('tr');
  node.append(laneHead(second, label), ...cells.map((text) => make('td', '', text)));
  return node;
}

function fill(box, { first, second, headings, rows, notes, differences, equal }) {
  const body = make('tbody'), list = make('ul');
  body.append(...rows.map(line));
  list.append(...differences.map((one) => make('li', '', one)));
  const names = [`First: ${first}.`, `Second: ${second}.`].map((text) => make('span', '', text));
  find('.lp-compare-names', box).replaceChildren(...names);
  find('table', box).replaceChildren(headRow(headings), body);
  const words = make('p', 'lp-compare-differ', differences.length ? 'They differ in:' : equal);
  find('.lp-compare-words', box).replaceChildren(...notes.map((one) => make('p', '', one)), words, ...(differences.length ? [list] : []));
}
