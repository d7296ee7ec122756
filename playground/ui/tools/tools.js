// The address holds the run, the theme and the view; other parts of it are left as they are.
const find = (selector) => element.querySelector(selector);
const said = find('.lp-said'), theme = find('.lp-theme'), stage = find('.lp-stage-button');
const nameOf = (part) => part.split('=')[0];
let answered = 0, timer = 0, linked = JSON.parse(props.value).link;

function setAddress(names, part) {
  const kept = location.search.slice(1).split('&').filter((one) => one && !names.includes(nameOf(one)));
  const query = [...kept, part].filter(Boolean).join('&');
  history.replaceState(history.state, '', `${location.pathname}${query ? `?${query}` : ''}${location.hash}`);
}

function say(text) {
  said.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => { said.textContent = ''; }, 6000);
}

async function read() {
  const { link, say: words, share } = JSON.parse(props.value);
  if (link) setAddress(['run', 'preset'], link);
  if (link && link !== linked) stale(); // a preset, rows added, moved or removed
  linked = link || linked;
  if (share > answered) {
    answered = share;
    say(words || (await copy(location.href) ? 'Link copied' : 'Copy the link from the address bar'));
    find('.lp-share').focus();
  } else if (words) say(words);
}

function setTheme(dark) {
  theme.textContent = dark ? 'Light' : 'Dark';
  theme.setAttribute('aria-label', dark ? 'Light theme' : 'Dark theme');
}

function setStage(on) {
  // On the page's column too: Gradio writes each rule a second time, for what is inside its container, and that one is the stronger.
  for (const one of [document.body, element.closest('.contain > *')]) one?.classList.toggle('lp-stage', on);
  stage.setAttribute('aria-pressed', String(on));
  stage.textContent = on ? 'Leave stage' : 'Stage';
  stage.title = on ? 'Back to the controls' : 'For projectors: large figures, controls hidden';
}

find('.lp-share').addEventListener('click', () => document.dispatchEvent(new CustomEvent('lp-edit', { detail: { act: 'share' } })));
theme.addEventListener('click', () => {
  const dark = document.body.classList.toggle('dark');
  setAddress(['__theme'], `__theme=${dark ? 'dark' : 'light'}`);
});
stage.addEventListener('click', () => {
  const on = !document.body.classList.contains('lp-stage');
  setStage(on);
  setAddress(['view'], on ? 'view=stage' : '');
  window.dispatchEvent(new Event('resize'));
});
new MutationObserver(() => setTheme(document.body.classList.contains('dark'))).observe(document.body, { attributes: true, attributeFilter: ['class'] });
setTheme(document.body.classList.contains('dark'));
setStage(new URLSearchParams(location.search).get('view') === 'stage');

// Edits of what makes a run leave the figures of an earlier one behind; before the first run there are none.
const stale = () => document.querySelector('.lp:not([data-state=idle])')?.setAttribute('data-stale', '');
for (const kind of ['input', 'change']) {
  document.addEventListener(kind, (event) => { if (event.target.closest?.('#what, #how, #lanes')) stale(); }, true);
}
watch('value', read);
