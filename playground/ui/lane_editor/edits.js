// All edits go to the server through here, one after the other: each is answered for the page as the one before left it.
// What is pressed while an answer is awaited waits too: Run runs what is seen.
const PATIENCE_MS = 5000;
const waiting = [];
let serial = 0, asked = 0, patience = 0, then = null;

function next() {
  clearTimeout(patience);
  asked = 0;
  const task = waiting.shift();
  if (task) task();
}

// `after` is called once the answer is here.
function edit(report, after = null) {
  const send = () => {
    asked = serial += 1;
    then = after;
    patience = setTimeout(next, PATIENCE_MS); // an answer that is lost must not lock the page
    // Not at once: a text box hands on what was typed in it a moment after the browser says so.
    setTimeout(() => trigger('input', { ...report, serial: asked }), 0);
  };
  send.act = report.act;
  if (report.act === 'set' && waiting.at(-1)?.act === 'set') return;
  if (asked) waiting.push(send);
  else send();
}

function answered(done) {
  if (!asked || done !== asked) return;
  const finish = then;
  requestAnimationFrame(() => { finish?.(); next(); });
}

document.addEventListener('click', (event) => {
  const run = event.target.closest?.('#run');
  if (!run || !asked) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  waiting.push(() => { run.click(); next(); });
}, true);

document.addEventListener('lp-edit', (event) => edit(event.detail));
// After this component is wired: what it triggers before is lost.
if (/[?&](run|preset)=/.test(location.search)) setTimeout(() => edit({ act: 'restore', search: location.search }), 0);
