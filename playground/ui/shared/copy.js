// The clipboard is there only on https and localhost; the older way needs no such place. Whether it was copied.
async function copy(text) {
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
