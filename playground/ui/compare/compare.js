// The page's last run against a recording of the reader's. The file goes to the server as text, and nothing of it is kept there.
const panel = element.querySelector('.lp-compare'), pick = panel.querySelector('.lp-compare-pick'), input = panel.querySelector('input');
const said = panel.querySelector('.lp-compare-said'), found = panel.querySelector('.lp-compare-found');

pick.addEventListener('click', () => input.click());
input.addEventListener('change', async () => {
  const [file] = input.files;
  if (!file) return;
  input.value = ''; // so that the same file can be picked again
  if (file.size > props.most_bytes) {
    said.textContent = `${file.name} is too large: ${Math.ceil(file.size / 1e6)} MB; allowed: at most ${props.most_bytes / 1e6} MB`;
    return;
  }
  pick.disabled = true;
  said.textContent = `Reading ${file.name}`;
  trigger('input', { name: file.name, text: await file.text() });
});

function heading(titles) {
  const head = make('thead', '');
  head.appendChild(make('tr', '')).append(...titles.map((title) => Object.assign(make('th', '', title), { scope: 'col' })));
  return head;
}

// A lane's colour and number are those of this page's run.
function line({ label, second, cells }) {
  const node = make('tr', ''), name = node.appendChild(make('th', ''));
  name.scope = 'row';
  if (second !== null) {
    const swatch = name.appendChild(make('i', 'lp-swatch'));
    swatch.style.setProperty('--lane', `var(--lane-${second})`);
    name.append(make('span', 'lp-number', String(second + 1)));
  }
  name.append(document.createTextNode(label));
  node.append(...cells.map((text) => make('td', '', text)));
  return node;
}

function draw({ first, second, headings, rows, notes, differences, equal }) {
  const body = make('tbody', ''), list = make('ul', '');
  body.append(...rows.map(line));
  list.append(...differences.map((one) => make('li', '', one)));
  found.querySelector('.lp-compare-names').replaceChildren(make('span', '', `First: ${first}.`), make('span', '', `Second: ${second}.`));
  found.querySelector('table').replaceChildren(heading(headings), body);
  const told = differences.length ? [make('p', 'lp-compare-differ', 'They differ in:'), list] : [make('p', 'lp-compare-differ', equal)];
  found.querySelector('.lp-compare-words').replaceChildren(...notes.map((one) => make('p', '', one)), ...told);
}

function show() {
  pick.disabled = false;
  said.textContent = '';
  const value = props.value ? JSON.parse(props.value) : { found: null };
  if (!('found' in value)) return;
  found.hidden = value.found === null;
  if (value.found) draw(value.found);
}

watch('value', show);
show();
