// @ts-check
// What is loaded, as a bar and a panel. Labels hold models' names: they go through textContent, never through markup.
import { find, make } from '../shared/dom.js';
/** @import { Component } from '../shared/page.d.ts' */

/** @param {Component} component */
export function mount({ element, props, trigger, watch }) {
  const pool = new Pool(find('.lp-pool', element), (key) => trigger('input', { key }));
  const show = () => { if (props.value) pool.show(JSON.parse(props.value)); };
  watch('value', show);
  show();
}

class Pool {
  /** @type {HTMLDetailsElement} */ details;
  /** @type {(key: string) => void} */ evict;
  /** @type {HTMLElement} */ summary;

  // `evict` is called with a resident's key.
  constructor(details, evict) {
    Object.assign(this, { details, evict, summary: find('summary', details) });
    this.pressed = -1; // which button was, until what came of it is drawn
    document.addEventListener('pointerdown', (event) => { if (!details.contains(event.target)) details.open = false; });
    details.addEventListener('toggle', () => { if (!details.open) this.say('outcome', ''); });
    // On window, before the page's own keys: this Escape closes the panel and stops no run.
    window.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !details.open) return;
      event.stopPropagation();
      this.close();
    }, true);
  }

  part(name) { return find(`.lp-pool-${name}`, this.details); }

  say(name, text) { this.part(name).textContent = text; }

  get buttons() { return [.../** @type {NodeListOf<HTMLButtonElement>} */ (this.details.querySelectorAll('.lp-pool-evict'))]; }

  show({ summary, devices, outcome, hint, copies }) {
    const whole = devices.reduce((sum, device) => sum + device.whole_bytes, 0);
    for (const [name, text] of Object.entries({ words: summary, outcome, hint, copies })) this.say(name, text);
    this.summary.setAttribute('aria-label', `Memory: ${summary}`);
    find('.lp-pool-bar', this.summary).replaceChildren(...devices.flatMap((device) => segments(device, device.whole_bytes / whole)));
    this.part('devices').replaceChildren(...devices.map((device) => this.section(device, devices.length === 1)));
    this.details.dataset.known = 'true';
    // The keyboard goes on where it was: on the next variant, or on the line when none is left.
    if (this.pressed >= 0 && this.details.open) (this.buttons[Math.min(this.pressed, this.buttons.length - 1)] || this.summary).focus();
    this.pressed = -1;
  }

  section(device, alone) {
    const node = make('section'), head = node.appendChild(make('p', 'lp-pool-head')), list = make('ul');
    head.append(make('b', '', alone ? 'Loaded variants' : device.name), make('span', '', device.words));
    list.append(...device.residents.map((one) => this.resident(one)), ...device.others.map((one) => row(one, 'lp-pool-other')));
    if (!device.residents.length) list.prepend(make('li', 'lp-pool-none', 'Nothing is loaded here.'));
    node.appendChild(make('div', 'lp-pool-bar')).append(...segments(device));
    node.append(list, ...(device.waiting.length ? this.waiting(device) : []));
    return node;
  }

  // What was evicted and waits in the host's memory.
  waiting(device) {
    const head = make('p', 'lp-pool-head lp-pool-host'), list = make('ul');
    head.append(make('b', '', 'Waiting in the host’s memory'), make('span', '', device.host_words));
    list.append(...device.waiting.map((one) => (one.evictable ? this.resident(one, 'lp-pool-away') : row(one, 'lp-pool-away'))));
    return [head, list];
  }

  // One that can be evicted.
  resident(one, mark = 'lp-pool-one') {
    const node = row(one, mark), button = node.appendChild(make('button', 'lp-pool-evict', 'Evict'));
    button.type = 'button';
    button.setAttribute('aria-label', `Evict ${one.label}, ${one.size}`);
    button.addEventListener('click', () => {
      this.pressed = this.buttons.indexOf(button);
      for (const other of this.buttons) other.disabled = true;
      this.evict(one.key);
    });
    return node;
  }

  close() {
    if (this.details.contains(document.activeElement)) this.summary.focus();
    this.details.open = false;
  }
}

// `scale`: this device's part of the bar. What is there is never thinner than can be seen.
function segments({ residents, others }, scale = 1) {
  const segment = (className) => ({ share }) => {
    const node = make('i', className);
    node.style.flexBasis = `${100 * share * scale}%`;
    return node;
  };
  return [...residents.map(segment('lp-pool-one')), ...others.map(segment('lp-pool-other'))];
}

function row({ label, size }, mark) {
  const node = make('li', 'lp-pool-row'), name = make('span', 'lp-pool-label', label);
  name.title = label;
  node.append(make('i', mark), name, make('span', 'lp-pool-size', size));
  return node;
}
