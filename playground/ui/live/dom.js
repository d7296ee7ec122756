// What the other scripts build with. All text of models and visitors goes through textContent or a text node, never through markup.
const root = element.querySelector('.lp');
const find = (selector, within = root) => within.querySelector(selector);

function makeButton(className, text, label, onClick) {
  const node = make('button', className, text);
  node.type = 'button';
  if (label) { node.setAttribute('aria-label', label); node.title = label; }
  node.addEventListener('click', onClick);
  return node;
}

// Changing nothing costs nothing: no layout, no announcement.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function swatch(lane) {
  const node = make('i', 'lp-swatch');
  node.style.setProperty('--lane', `var(--lane-${lane})`);
  return node;
}

// For screen readers: milestones, not tokens.
function say(text) {
  const log = find('.lp-sr');
  log.append(make('p', '', text));
  while (log.children.length > 20) log.firstChild.remove();
}

function copyFrom(button, text) {
  const before = button.textContent;
  copy(text).then((copied) => {
    button.textContent = copied ? 'Copied' : 'Not allowed here';
    setTimeout(() => { button.textContent = before; }, 1500);
  });
}
