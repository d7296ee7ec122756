// The component's value says which run is shown; its records are asked for, frame by frame, and handed on.
const PATIENCE = 8; // failed requests in a row until the connection is called lost
let run = null, following = null, cards = [], race = null, editTimer = 0;
const charts = new Charts(), targets = new Targets(charts), table = new Table(), published = new Published(), definitions = new Definitions(), predict = new Predict(), replay = new Replay(() => setText(find('.lp-run-words'), run.words));

function compareAll(all, only = null) {
  const base = all[run.baseline];
  for (const card of all) {
    if (card === base || (only && only !== base && card !== only)) continue;
    const { row } = card.answer, { rows } = base.answer; // the baseline's row with the same prompt; in a smaller batch there may be none
    card.answer.compare(rows[row] ?? rows[row % run.prompts] ?? '');
  }
}

function begin(record) {
  if (replay.on) replay.leave();
  run = record.start;
  run.words = run.idle ? 'Ready' : 'Starting';
  run.meaning = (name) => run.columns.find(({ title }) => title === name)?.meaning ?? '';
  root.dataset.state = run.idle ? 'idle' : 'waiting';
  root.removeAttribute('data-stale');
  root.toggleAttribute('data-watching', Boolean(run.watching));
  setText(find('.lp-measure'), run.measure);
  setText(find('.lp-note'), '');
  setText(find('.lp-run-words'), run.words);
  setText(find('.lp-verdict'), '');
  setText(find('.lp-beneath'), '');
  find('.lp-sr').replaceChildren();
  const grid = find('.lp-cards'), count = run.lanes.length;
  grid.style.setProperty('--columns', count > 8 ? 3 : count > 4 ? Math.ceil(count / 2) : count);
  root.style.setProperty('--chart-height', `${Math.max(180, 76 + 22 * count)}px`); // 22 px a bar
  root.style.setProperty('--verdict-height', count > 4 ? '54px' : '36px'); // with more lanes there is more to say
  cards = run.lanes.map((lane, index) => new Card(lane, index, run));
  for (const card of cards) card.onTurn = () => compareAll(cards, card);
  grid.replaceChildren(...cards.map((card) => card.node));
  race = new Race(cards, run);
  table.begin(run);
  published.begin(run);
  definitions.begin(run);
  fillMethod(run);
  charts.begin(run, cards);
  targets.begin(run);
  replay.disarm();
  predict.begin(run);
  keepHeight(find('.lp-measure'));
  if (!run.idle && window.innerWidth <= 640) root.scrollIntoView({ block: 'start' });
}

// What is said at the end may be shorter.
function keepHeight(node) {
  node.style.minHeight = '';
  node.style.minHeight = `${node.offsetHeight}px`;
}

function updateLane(index, change) {
  const card = cards[index], timeline = card.timeline;
  const again = card.update(change);
  if (again && index === run.baseline) for (const other of cards) other.answer.forget();
  if ('warm' in change) race.apart(index, change.warm / run.steps, 'warm-up');
  if (change.steps || change.fresh) race.move(index, timeline.times.length, String(timeline.tokens.at(-1) ?? ''));
  if (change.fraction !== undefined && change.fraction !== null) race.apart(index, change.fraction, `${Math.floor(change.fraction * 100)} %`);
  if (change.e2e && change.e2e !== '–') race.move(index, timeline.times.length, change.e2e);
  if ('row' in change) table.set(index, change.row);
  charts.take(index, change);
  targets.take(index, change);
  return Boolean(change.steps || change.text || again);
}

function take(record) {
  if (record.start) return begin(record);
  const written = Object.entries(record.lanes || {}).filter(([index, change]) => updateLane(Number(index), change));
  if (written.length) compareAll(cards);
  for (const [index] of written) cards[index].answer.follow();
  if ('words' in record) {
    run.words = run.watching ? `Watching: ${record.words}` : record.words;
    setText(find('.lp-run-words'), run.words);
  }
  if ('published' in record) published.set(record.published);
  if ('definitions' in record) definitions.set(record.definitions);
  if ('verdict' in record) setText(find('.lp-verdict'), record.verdict);
  if ('measure' in record) setText(find('.lp-measure'), record.measure);
  if ('beneath' in record) setText(find('.lp-beneath'), find('.lp-beneath').title = record.beneath);
  if ('note' in record) setText(find('.lp-note'), record.note);
  if ('state' in record) setState(record.state, record.words);
}

function setState(state, words) {
  root.dataset.state = state;
  if (words) say(words);
  if (!['done', 'cancelled'].includes(state)) return;
  charts.flush(true);
  replay.arm(cards, race, charts);
  predict.reveal(cards);
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// The next request goes out when this frame is drawn: a slow browser gets fewer, larger frames and falls behind no further.
async function follow(key) {
  let seen = 0, failures = 0, pause = 0;
  following = key;
  while (following === key) {
    const began = performance.now();
    const answer = await server.frames({ key, seen }).catch(() => null); // without a connection it may also be undefined
    if (following !== key) return;
    if (answer) {
      failures = 0;
      seen = answer.seen;
      pause = answer.pause_s * 1e3;
      for (const line of answer.records.split('\n')) if (line) take(JSON.parse(line));
      if (answer.over) return ['done', 'cancelled'].includes(root.dataset.state) ? undefined : lost(); // a server that was started anew
    } else {
      failures += 1;
      if (failures > PATIENCE) return lost();
      await sleep(250 * failures);
    }
    await sleep(Math.max(0, pause - (performance.now() - began)));
  }
}

function leave() {
  following = null;
  if (['done', 'cancelled', 'idle'].includes(root.dataset.state)) return;
  root.dataset.state = 'left';
  setText(find('.lp-run-words'), run.words = 'Not watched any more');
}

function lost() {
  root.dataset.state = 'lost';
  setText(find('.lp-run-words'), run.words = 'The connection to the server is lost; reload the page');
}

function read() {
  if (!props.value) return;
  const record = JSON.parse(props.value);
  if (record.left) leave();
  else if (record.key) follow(record.key);
  else begin(record);
}

// ---- the page around it ----

function loadPlotly() {
  const script = document.createElement('script');
  script.src = props.plotly_src;
  script.onload = () => charts.draw();
  script.onerror = () => { for (const div of Object.values(charts.divs)) div.textContent = 'The charts could not be loaded.'; };
  document.head.append(script);
}

function press(id) {
  const button = document.getElementById(id);
  if (button && !button.disabled) button.click();
}

// Esc first closes what is open where the focus is; a list that is still fading elsewhere does not count.
const menuOpen = () => Boolean(document.querySelector('dialog[open]') || document.activeElement?.closest('.block')?.querySelector('ul[role=listbox]'));

document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); press('run'); }
  if (event.key === 'Escape' && !menuOpen()) press('stop');
}, true);

// A button that is disabled under the keyboard's focus swallows every key, Esc too: the focus goes on to its counterpart.
function keepFocus() {
  const [start, stop] = ['run', 'stop'].map((id) => document.getElementById(id)), active = document.activeElement;
  if (start && active === start && start.disabled && !stop.disabled) stop.focus({ preventScroll: true });
  if (stop && active === stop && stop.disabled && !start.disabled) start.focus({ preventScroll: true });
}
new MutationObserver(keepFocus).observe(document.body, { subtree: true, attributeFilter: ['disabled'] });

// The lanes to pick from are those in the controls; once settings change, the question stands again.
function edited() {
  clearTimeout(editTimer);
  editTimer = setTimeout(() => {
    if (root.hasAttribute('data-stale') || root.dataset.state === 'idle') predict.ask();
  }, 300);
}
for (const kind of ['input', 'change', 'click']) document.addEventListener(kind, edited);

find('.lp-code-copy').addEventListener('click', (event) => copyFrom(event.target, find('.lp-code code').textContent));
find('.lp-code-close').addEventListener('click', () => find('.lp-code').close());
new MutationObserver(() => charts.recolour()).observe(document.body, { attributes: true, attributeFilter: ['class'] });
watch('value', read);
loadPlotly();
read();
