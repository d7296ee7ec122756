// The live view. Reads JSON lines from props.value, which only grows within a run; draws once, then appends.
// All text of models and visitors goes through textContent or a text node, never through markup.
const CHART_MS = 200;
const root = element.querySelector('.lp');
const find = (selector, within = root) => within.querySelector(selector);
const charts = Object.fromEntries([...root.querySelectorAll('.lp-chart')].map((div) => [div.dataset.chart, div]));

let consumed = 0, head = '', start = null, cards = [], pending = [], timer = 0, drawn = false;
let ttft = { ms: [], text: [], dots: [], changed: false }, limits = {};

function make(tag, className, text = '') {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

// ---- cards ----

function buildCard(lane, index) {
  const card = make('section', 'lp-card');
  card.dataset.state = 'waiting';
  card.style.setProperty('--lane', `var(--lane-${index})`);
  const bar = card.appendChild(make('div', 'lp-bar')).appendChild(make('i', ''));
  const header = card.appendChild(make('header', 'lp-title'));
  header.append(make('i', 'lp-swatch'), make('span', 'lp-number', String(index + 1)));
  const label = header.appendChild(make('span', 'lp-label', lane.label));
  label.title = lane.label;
  if (index === 0 && start.lanes.length > 1) header.append(make('span', 'lp-tag', 'baseline'));
  const basis = make('span', 'lp-basis');
  const view = { card, bar, rows: new Array(lane.batch).fill(''), row: 0, state: '' };
  if (lane.batch > 1) header.append(buildPager(view, lane.batch));
  view.box = card.appendChild(make('div', 'lp-text'));
  view.box.tabIndex = 0;
  view.box.setAttribute('role', 'region');
  view.box.setAttribute('aria-label', `Answer of lane ${index + 1}, ${lane.label}`);
  view.text = view.box.appendChild(document.createTextNode(''));
  view.hint = view.box.appendChild(make('span', 'lp-hint', start.idle && index === 0 ? 'Press Run: each lane writes its answer here.' : ''));
  const status = card.appendChild(make('p', 'lp-status'));
  view.words = status.appendChild(make('span', 'lp-words'));
  status.append(basis);
  view.basis = basis;
  const list = card.appendChild(make('dl', 'lp-figures'));
  for (const [key, name] of [['ttft', 'TTFT'], ['tpot', 'TPOT'], ['rate', 'Decode'], ['memory', 'Memory']]) {
    const cell = list.appendChild(make('div', ''));
    const term = cell.appendChild(make('dt', '', name));
    term.title = (start.table.columns.find(([title]) => title.startsWith(name)) || ['', ''])[1];
    const figure = cell.appendChild(make('dd', ''));
    view[key] = figure.appendChild(make('span', 'lp-figure', '–'));
    if (key === 'tpot') view.ratio = term.appendChild(make('span', 'lp-ratio'));
  }
  return view;
}

function buildPager(view, batch) {
  const pager = make('span', 'lp-pager'), shown = make('span', '', `row 1 of ${batch}`);
  const turn = (by) => () => {
    view.row = (view.row + by + batch) % batch;
    shown.textContent = `row ${view.row + 1} of ${batch}`;
    view.text.data = view.rows[view.row];
  };
  const button = (text, name, by) => {
    const one = make('button', '', text);
    one.type = 'button';
    one.setAttribute('aria-label', name);
    one.addEventListener('click', turn(by));
    return one;
  };
  pager.append(button('‹', 'Previous row', -1), shown, button('›', 'Next row', 1));
  return pager;
}

function changeText(view, [row, keep, tail]) {
  const box = view.box, atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
  // Characters are counted as Python counts them: by code point.
  view.rows[row] = (keep === null ? view.rows[row] : [...view.rows[row]].slice(0, keep).join('')) + tail;
  if (row !== view.row) return;
  if (keep === null) view.text.appendData(tail);
  else view.text.data = view.rows[row];
  view.hint.textContent = '';
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function updateCard(index, change) {
  const view = cards[index];
  for (const one of change.text || []) changeText(view, one);
  for (const key of ['words', 'basis', 'ttft', 'tpot', 'ratio', 'rate', 'memory']) if (key in change) view[key].textContent = change[key];
  if ('words' in change) view.words.title = change.words;
  if ('unsure' in change) view.card.dataset.unsure = change.unsure;
  if ('state' in change) setState(view, index, change);
  if (change.points) {
    pending.push([Number(index), change.points]);
    view.bar.style.transform = `scaleX(${Math.min(1, change.points.at(-1)[3] / start.steps)})`;
  }
  if ('ttft_ms' in change) Object.assign(ttft, { changed: true }), (ttft.ms[index] = change.ttft_ms);
  if ('ttft' in change) Object.assign(ttft, { changed: true }), (ttft.text[index] = change.ttft === '–' ? '' : change.ttft);
  if ('dots_ms' in change) Object.assign(ttft, { changed: true }), (ttft.dots[index] = change.dots_ms);
}

function setState(view, index, change) {
  view.card.dataset.state = change.state;
  if (change.state === view.state || !['done', 'failed'].includes(change.state)) return;
  view.state = change.state;
  say(`Lane ${Number(index) + 1}, ${start.lanes[index].label}: ${change.words || ''}`);
}

function say(text) {
  find('.lp-sr').append(make('p', '', text));
}

// ---- table ----

function buildTable() {
  const header = make('tr', '');
  for (const [title, meaning] of start.table.columns) {
    const cell = header.appendChild(make('th', '', title));
    cell.scope = 'col';
    cell.title = meaning;
  }
  const top = make('thead', '');
  top.append(header);
  find('table').replaceChildren(top, make('tbody', ''));
  fillTable(start.table.rows);
}

function fillTable(rows) {
  find('tbody').replaceChildren(...rows.map((cells, index) => {
    const row = make('tr', ''), first = make('th', '');
    row.style.setProperty('--lane', `var(--lane-${index})`);
    first.scope = 'row';
    first.append(make('i', 'lp-swatch'), make('span', 'lp-number', String(index + 1)), document.createTextNode(cells[0]));
    row.append(first, ...cells.slice(1).map((text) => make('td', '', text)));
    if (cells.length < start.table.columns.length) {
      row.lastChild.colSpan = start.table.columns.length - cells.length + 1;
      row.lastChild.className = 'lp-failed';
    }
    return row;
  }));
}

// ---- charts ----

const dark = () => document.body.classList.contains('dark');
const palette = () => start.palettes[dark() ? 'dark' : 'light'];
const font = getComputedStyle(root).fontFamily;

function inks() {
  const { ink, muted, grid, surface } = palette();
  return {
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', 'font.color': muted, 'font.family': font, 'title.font.color': ink, 'title.font.size': 13,
    'xaxis.gridcolor': grid, 'yaxis.gridcolor': grid, 'hoverlabel.bgcolor': surface, 'hoverlabel.bordercolor': grid, 'hoverlabel.font.color': ink,
  };
}

function drawCharts() {
  if (!window.Plotly || !start) return;
  const config = { displayModeBar: false, responsive: true };
  for (const [name, div] of Object.entries(charts)) window.Plotly.react(div, start.figures[name].data, start.figures[name].layout, config);
  drawn = true;
  limits = {};
  colourCharts();
  flush();
}

function colourCharts() {
  if (!drawn) return;
  const { lanes, ink } = palette(), look = inks(), mine = start.lanes.map((_, i) => lanes[i % lanes.length]), all = mine.map((_, i) => i);
  window.Plotly.update(charts.ttft, { 'marker.color': [mine, ink], 'textfont.color': ink }, look, [0, 1]);
  for (const div of [charts.progress, charts.gaps]) window.Plotly.update(div, { 'line.color': mine, 'marker.color': mine }, look, all);
}

// Axes grow in steps of 1, 2, 3, 5, 7, so that nothing creeps.
function limit(largest) {
  const power = 10 ** Math.floor(Math.log10(largest));
  return power * [1, 2, 3, 5, 7, 10].find((step) => step * power >= largest);
}

function grow(chart, axis, largest, room) {
  const key = chart + axis;
  if (!(largest * room > (limits[key] || 0))) return;
  limits[key] = limit(largest * room);
  Object.assign(charts[chart].layout[axis], { range: [0, limits[key]], autorange: false });
}

function flush() {
  timer = 0;
  if (!drawn) return;
  const lanes = [...new Set(pending.map(([lane]) => lane))];
  if (lanes.length) {
    const of = (lane) => pending.filter(([one]) => one === lane).flatMap(([, points]) => points);
    const progress = lanes.map(of), gaps = progress.map((points) => points.filter((point) => point[2] !== null));
    pending = [];
    grow('progress', 'xaxis', Math.max(...progress.flat().map((point) => point[0])), 1.05);
    grow('gaps', 'yaxis', Math.max(0, ...gaps.flat().map((point) => point[2])), 1.1);
    const column = (rows, at) => rows.map((points) => points.map((point) => point[at]));
    window.Plotly.extendTraces(charts.progress, { x: column(progress, 0), y: column(progress, 1) }, lanes);
    window.Plotly.extendTraces(charts.gaps, { x: column(gaps, 3), y: column(gaps, 2) }, lanes);
  }
  if (ttft.changed) drawBars();
}

function drawBars() {
  ttft.changed = false;
  const names = start.figures.ttft.layout.yaxis.categoryarray, all = start.lanes.map((_, i) => i);
  const dots = all.flatMap((i) => (ttft.dots[i] || []).map((ms) => [ms, names[i]]));
  grow('ttft', 'xaxis', Math.max(0, ...ttft.ms.filter(Boolean), ...dots.map(([ms]) => ms)), 1.3);
  const x = all.map((i) => ttft.ms[i] ?? null), text = all.map((i) => ttft.text[i] || '');
  window.Plotly.restyle(charts.ttft, { x: [x, dots.map(([ms]) => ms)], y: [names, dots.map(([, name]) => name)], text: [text, []] }, [0, 1]);
}

// ---- records ----

function begin(record) {
  start = record.start;
  pending = [];
  ttft = { ms: [], text: [], dots: [], changed: false };
  root.dataset.state = start.idle ? 'idle' : 'waiting';
  find('.lp-measure').textContent = start.measure;
  find('.lp-note').textContent = '';
  find('.lp-run-words').textContent = start.idle ? 'Ready' : 'Starting';
  find('.lp-sr').replaceChildren();
  const grid = find('.lp-cards');
  grid.style.setProperty('--columns', Math.min(4, start.lanes.length));
  root.style.setProperty('--chart-height', `${Math.max(196, 76 + 22 * start.lanes.length)}px`); // 22 px a bar
  cards = start.lanes.map(buildCard);
  grid.replaceChildren(...cards.map((view) => view.card));
  buildTable();
  drawCharts();
  if (!start.idle && window.innerWidth <= 640) root.scrollIntoView({ block: 'start' });
}

function take(record) {
  if (record.start) return begin(record);
  for (const [index, change] of Object.entries(record.lanes || {})) updateCard(index, change);
  if ('words' in record) { find('.lp-run-words').textContent = record.words; say(record.words); }
  if ('note' in record) find('.lp-note').textContent = record.note;
  if ('state' in record) root.dataset.state = record.state;
  if ('table' in record) fillTable(record.table);
  if (!timer) timer = setTimeout(flush, CHART_MS);
}

function read() {
  const value = props.value || '', first = value.slice(0, 32);
  if (first !== head || value.length < consumed) { head = first; consumed = 0; }
  const end = value.lastIndexOf('\n') + 1, tail = value.slice(consumed, end);
  consumed = Math.max(consumed, end);
  for (const line of tail.split('\n')) if (line) take(JSON.parse(line));
}

// ---- the page around it ----

function loadPlotly() {
  const script = document.createElement('script');
  script.src = props.plotly_src;
  script.onload = drawCharts;
  script.onerror = () => Object.values(charts).forEach((div) => { div.textContent = 'The charts could not be loaded.'; });
  document.head.append(script);
}

function press(id) {
  const button = document.getElementById(id);
  if (button && !button.disabled) button.click();
}

const menuOpen = () => [...document.querySelectorAll('ul[role=listbox]')].some((menu) => menu.offsetParent !== null);

document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); press('run'); }
  if (event.key === 'Escape' && !menuOpen()) press('stop');
}, true);

document.querySelectorAll('.lane-remove').forEach((button, index) => button.setAttribute('aria-label', `Remove lane ${index + 1}`));
new MutationObserver(colourCharts).observe(document.body, { attributes: true, attributeFilter: ['class'] });
watch('value', read);
loadPlotly();
read();
