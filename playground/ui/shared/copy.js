// @ts-check
// The clipboard is there only on https and localhost; the older way needs no such place. Whether it was copied.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = document.body.appendChild(Object.assign(document.createElement('textarea'), { value: text }));
    box.select();
    const copied = document.execCommand('copy');
    box.remove();
    return copied;
  }
}

// What became of it stands in the button for a moment.
export function copyFrom(button, text) {
  const before = button.textContent;
  copy(text).then((copied) => {
    button.textContent = copied ? 'Copied' : 'Not allowed here';
    setTimeout(() => { button.textContent = before; }, 1500);
  });
}
