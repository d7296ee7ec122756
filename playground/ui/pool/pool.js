// What is loaded, as a bar and a panel. Labels hold models' names: they go through textContent, never through markup.
const details = element.querySelector('.lp-pool'), summary = details.querySelector('summary');
let pressed = -1; // which button was, until what came of it is drawn
const part = (name) => details.querySelector(`.lp-pool-${name}`);

// `scale`: this device's part of the bar. What is there is never thinner than can be seen.
function segments(device, scale = 1) {
  return [...device.residents, ...device.others].map((one) => {
    const node = make('i', device.others.includes(one) ? 'lp-pool-other' : 'lp-pool-one');
    node.style.flexBasis = `${100 * one.share * scale}%`;
    return node;
  });
}

const buttons = () => [...details.querySelectorAll('.lp-pool-evict')];

function row(one, evictable) {
  const node = make('li', 'lp-pool-row');
  node.append(make('i', evictable ? 'lp-pool-one' : 'lp-pool-other'));
  node.append(make('span', 'lp-pool-label', one.label), make('span', 'lp-pool-size', one.size));
  node.querySelector('.lp-pool-label').title = one.label;
  if (!evictable) return node;
  const button = node.appendChild(make('button', 'lp-pool-evict', 'Evict'));
  button.type = 'button';
  button.setAttribute('aria-label', `Evict ${one.label}, ${one.size}`);
  button.addEventListener('click', () => {
    pressed = buttons().indexOf(button);
    for (const other of buttons()) other.disabled = true;
    trigger('input', { key: one.key });
  });
  return node;
}

// What was evicted and waits in the host's memory.
function waiting(device) {
  const head = make('p', 'lp-pool-head lp-pool-host'), list = make('ul', '');
  head.append(make('b', '', 'Waiting in the host’s memory'), make('span', '', device.host_words));
  list.append(...device.waiting.map((one) => row(one, one.evictable)));
  for (const mark of list.querySelectorAll('i')) mark.className = 'lp-pool-away';
  return [head, list];
}

function section(device, alone) {
  const node = make('section', ''), head = node.appendChild(make('p', 'lp-pool-head'));
  head.append(make('b', '', alone ? 'Loaded variants' : device.name), make('span', '', device.words));
  node.appendChild(make('div', 'lp-pool-bar')).append(...segments(device));
  const list = node.appendChild(make('ul', ''));
  list.append(...device.residents.map((one) => row(one, true)), ...device.others.map((one) => row(one, false)));
  if (!device.residents.length) list.prepend(make('li', 'lp-pool-none', 'Nothing is loaded here.'));
  if (device.waiting.length) node.append(...waiting(device));
  return node;
}

function show() {
  if (!props.value) return;
  const value = JSON.parse(props.value), whole = value.devices.reduce((sum, device) => sum + device.whole_bytes, 0);
  part('words').textContent = value.summary;
  summary.setAttribute('aria-label', `Memory: ${value.summary}`);
  summary.querySelector('.lp-pool-bar').replaceChildren(...value.devices.flatMap((device) => segments(device, device.whole_bytes / whole)));
  part('devices').replaceChildren(...value.devices.map((device) => section(device, value.devices.length === 1)));
  part('said').textContent = value.said;
  part('hint').textContent = value.hint;
  part('copies').textContent = value.copies;
  details.dataset.known = 'true';
  // The keyboard goes on where it was: on the next variant, or on the line when none is left.
  if (pressed >= 0 && details.open) (buttons()[Math.min(pressed, buttons().length - 1)] || summary).focus();
  pressed = -1;
}

function close() {
  if (details.contains(document.activeElement)) summary.focus();
  details.open = false;
}

// On window, before the page's own keys: this Escape closes the panel and stops no run.
window.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || !details.open) return;
  event.stopPropagation();
  close();
}, true);
document.addEventListener('pointerdown', (event) => { if (!details.contains(event.target)) details.open = false; });
details.addEventListener('toggle', () => { if (!details.open) part('said').textContent = ''; });
watch('value', show);
show();
