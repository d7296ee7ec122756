// @ts-check
// Run and Stop from the keyboard.

const buttonOf = (id) => /** @type {HTMLButtonElement | null} */ (document.getElementById(id));

function press(id) {
  const button = buttonOf(id);
  if (button && !button.disabled) button.click();
}

// Esc first closes what is open where the focus is; a list that is still fading elsewhere does not count.
function menuOpen() {
  const list = document.activeElement?.closest('.block')?.querySelector('ul[role=listbox]');
  return Boolean(list || document.querySelector('dialog[open], :popover-open'));
}

export function pressByKeys() {
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); press('run'); }
    if (event.key === 'Escape' && !menuOpen()) press('stop');
  }, true);
}

// A button that is disabled under the keyboard's focus swallows every key, Esc too: the focus goes on to its counterpart.
export function keepFocus() {
  const [start, stop] = ['run', 'stop'].map(buttonOf), active = document.activeElement;
  if (start && active === start && start.disabled && !stop.disabled) stop.focus({ preventScroll: true });
  if (stop && active === stop && stop.disabled && !start.disabled) start.focus({ preventScroll: true });
}
