// @ts-check
// What the page is built with. All text of models and visitors goes through textContent or a text node, never through markup.

/** @type {(selector: string, within: ParentNode) => any} */
export const find = (selector, within) => within.querySelector(selector);

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 */
export function make(tag, className = '', text = '') {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

export function makeButton(className, text, label, onClick) {
  const node = make('button', className, text);
  node.type = 'button';
  if (label) { node.setAttribute('aria-label', label); node.title = label; }
  node.addEventListener('click', onClick);
  return node;
}

// Changing nothing costs nothing: no layout, no announcement.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function swatch(lane) {
  const node = make('i', 'lp-swatch');
  node.style.setProperty('--lane', `var(--lane-${lane})`);
  return node;
}

// A table's heading.
export function headRow(titles) {
  const head = make('thead');
  head.appendChild(make('tr')).append(...titles.map((title) => Object.assign(make('th', '', title), { scope: 'col' })));
  return head;
}

// The first cell of a lane's line in a table: its colour, its number, its name. `lane` is null for one that is not of the run shown.
export function laneHead(lane, label) {
  const name = make('th');
  name.scope = 'row';
  if (lane !== null) name.append(swatch(lane), make('span', 'lp-number', String(lane + 1)));
  name.append(document.createTextNode(label));
  return name;
}
