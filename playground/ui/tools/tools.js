// @ts-check
// The buttons at the top right. The address holds the run, the theme and the view; other parts of it are left as they are.
import { copy } from '../shared/copy.js';
import { find } from '../shared/dom.js';
import { isDark, onStage } from '../shared/look.js';
/** @import { Component } from '../shared/page.d.ts' */

const SAID_MS = 6000;

/** @param {Component} component */
export function mount({ element, props, watch }) {
  const address = new Address(element, JSON.parse(props.value).link);
  watch('value', () => address.read(JSON.parse(props.value)));
  addTheme(find('.lp-theme', element));
  addStage(find('.lp-stage-button', element), element.closest('.contain > *'));
  watchEdits();
}

// Shared as a link, and kept as the page stands.
class Address {
  /** @type {HTMLElement} */ status;
  /** @type {HTMLButtonElement} */ share;
  /** @type {string} */ link;
  /** @type {number} */ answered;
  /** @type {ReturnType<typeof setTimeout>} */ timer;

  constructor(element, link) {
    Object.assign(this, { status: find('.lp-said', element), share: find('.lp-share', element), link, answered: 0, timer: 0 });
    this.share.addEventListener('click', () => document.dispatchEvent(new CustomEvent('lp-edit', { detail: { act: 'share' } })));
  }

  async read({ link, say, share }) {
    if (link) setAddress(['run', 'preset'], link);
    if (link && link !== this.link) markStale(); // a preset, rows added, moved or removed
    this.link = link || this.link;
    if (share <= this.answered) return say && this.say(say);
    this.answered = share;
    this.say(say || (await copy(location.href) ? 'Link copied' : 'Copy the link from the address bar'));
    this.share.focus();
  }

  say(text) {
    this.status.textContent = text;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.status.textContent = ''; }, SAID_MS);
  }
}

function setAddress(names, part) {
  const nameOf = (one) => one.split('=')[0];
  const kept = location.search.slice(1).split('&').filter((one) => one && !names.includes(nameOf(one)));
  const query = [...kept, part].filter(Boolean).join('&');
  history.replaceState(history.state, '', `${location.pathname}${query ? `?${query}` : ''}${location.hash}`);
}

function addTheme(button) {
  const show = () => {
    button.textContent = isDark() ? 'Light' : 'Dark';
    button.setAttribute('aria-label', isDark() ? 'Light theme' : 'Dark theme');
  };
  button.addEventListener('click', () => {
    const dark = document.body.classList.toggle('dark');
    setAddress(['__theme'], `__theme=${dark ? 'dark' : 'light'}`);
  });
  new MutationObserver(show).observe(document.body, { attributes: true, attributeFilter: ['class'] });
  show();
}

// On the page's column too: Gradio writes each rule a second time, for what is inside its container, and that one is the stronger.
function addStage(button, column) {
  const set = (on) => {
    for (const one of [document.body, column]) one?.classList.toggle('lp-stage', on);
    button.setAttribute('aria-pressed', String(on));
    button.textContent = on ? 'Leave stage' : 'Stage';
    button.title = on ? 'Back to the controls' : 'For projectors: large figures, controls hidden';
  };
  button.addEventListener('click', () => {
    set(!onStage());
    setAddress(['view'], onStage() ? 'view=stage' : '');
    window.dispatchEvent(new Event('resize'));
  });
  set(new URLSearchParams(location.search).get('view') === 'stage');
}

// Edits of what makes a run leave the figures of an earlier one behind; before the first run there are none.
const markStale = () => document.querySelector('.lp:not([data-state=idle])')?.setAttribute('data-stale', '');

function watchEdits() {
  for (const kind of ['input', 'change']) {
    document.addEventListener(kind, ({ target }) => {
      if (/** @type {Element} */ (target).closest?.('#what, #how, #lanes')) markStale();
    }, true);
  }
}
