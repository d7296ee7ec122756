// @ts-check
// A panel above the page that belongs to a button: it opens below it, or above where there is no room, and scrolls with the page.
const GAP_PX = 4, MARGIN_PX = 12;

export function attachPopover(button, panel) {
  panel.popover = 'auto'; // closed by Escape, and by a press elsewhere
  button.popoverTargetElement = panel;
  button.setAttribute('aria-haspopup', 'dialog');
  button.setAttribute('aria-expanded', 'false');
  panel.addEventListener('toggle', ({ newState }) => {
    button.setAttribute('aria-expanded', String(newState === 'open'));
    if (newState === 'open') place(button, panel);
  });
}

function place(button, panel) {
  const at = button.getBoundingClientRect(), { offsetWidth: width, offsetHeight: height } = panel;
  const { clientWidth, clientHeight } = document.documentElement;
  const left = Math.max(MARGIN_PX, Math.min(at.left, clientWidth - width - MARGIN_PX));
  const below = at.bottom + GAP_PX, above = at.top - GAP_PX - height, lowest = clientHeight - height - MARGIN_PX;
  const top = below <= lowest ? below : above >= 0 ? above : Math.max(MARGIN_PX, lowest);
  panel.style.left = `${left + window.scrollX}px`;
  panel.style.top = `${top + window.scrollY}px`;
}
