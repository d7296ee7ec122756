// Lanes against a target, from what is sent of each repeat: milliseconds to the microsecond.
export const LIMITS = [
  { key: 'ttft', field: 'ttft_s', title: 'TTFT', unit: 'ms', scale: 1 },
  { key: 'tpot', field: 'tpot_s', title: 'TPOT', unit: 'ms', scale: 1 },
  { key: 'e2e', field: 'e2e_s', title: 'E2E', unit: 's', scale: 1e3 },
];

// Of TTFT, TPOT and E2E; null: the target says nothing of it. Of a span the far end is the limit.
export function limitsOf(target) {
  return LIMITS.map(({ field }) => {
    const limit = [target[field]].flat().at(-1);
    return limit === null || limit === undefined ? null : Math.round(limit * 1e6) / 1e3;
  });
}

// Unknown stays null; false as soon as one is.
const allKept = (kept) => (kept.includes(false) ? false : kept.includes(null) || !kept.length ? null : true);
const keeps = (value, limit) => (value === null ? null : value <= limit);

function middle(values) {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  if (!sorted.length) return null;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

export function judge(timings, limits, goodput) {
  const figures = (one) => [one.ttft_ms, one.tpot_ms, one.e2e_ms];
  const metrics = limits.flatMap((limit, at) => {
    const known = timings.map((one) => figures(one)[at]).filter((value) => value !== null), figure = middle(known);
    const repeatsMet = known.filter((value) => value <= limit).length;
    return limit === null ? [] : [{ figure, met: keeps(figure, limit), repeatsMet, repeats: known.length }];
  });
  const answers = timings.flatMap((one) => one.answers.map((answer) => answered(one, answer, limits)));
  const answersMet = !answers.length || answers.includes(null) ? null : answers.filter(Boolean).length;
  const wall = timings.reduce((sum, one) => sum + one.wall_ms, 0);
  return {
    met: allKept(metrics.map(({ met }) => met)), metrics, ...tokensInTime(timings, limits), answersMet,
    answers: answers.length,
    goodput: goodput && answersMet !== null && wall > 0 ? answersMet / wall * 1e3 : null,
  };
}

// One that was cut short was not answered, whatever it kept until then.
function answered(one, answer, limits) {
  const kept = [...answer, one.e2e_ms].flatMap((value, at) => (limits[at] === null ? [] : [keeps(value, limits[at])]));
  return allKept([...kept, one.e2e_ms === null ? null : true]);
}

function tokensInTime(timings, [ttft, tpot]) {
  let met = 0, tokens = 0;
  for (const one of timings) {
    if (one.gaps === null) return { tokensMet: null, tokens: 0 };
    const firsts = [[1, one.answers.map(([first]) => first).filter((first) => first !== null)]];
    for (const [limit, groups] of [[ttft, firsts], [tpot, one.gaps]]) {
      if (limit === null) continue;
      for (const [count, times] of groups) {
        tokens += count * times.length;
        for (const time of times) if (time <= limit) met += count;
      }
    }
  }
  return { tokensMet: tokens ? met : null, tokens };
}

// ---- in words: three significant figures, always a unit, "–" for what is unknown, as `format.py` writes them ----

const THREE = new Intl.NumberFormat('en-US', { minimumSignificantDigits: 3, maximumSignificantDigits: 3, roundingMode: 'halfEven' });
const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0, roundingMode: 'halfEven' });
const GIVEN = new Intl.NumberFormat('en-US', { maximumFractionDigits: 6 });
export const limitNumber = (value) => GIVEN.format(value);
const significant = (value) => (value === 0 ? '0' : THREE.format(value));
const inWords = (ms) => (ms / 1e3 < 0.9995 ? `${significant(ms)} ms` : `${significant(ms / 1e3)} s`);

// 100 % and 0 % are said only of all and of none.
function percent(part) {
  const value = 100 * part;
  if (value >= 99.5 && value < 100) return `${Math.min(value, 99.9).toFixed(1)} %`;
  return value > 0 && value < 0.5 ? `${Math.max(value, 0.1).toFixed(1)} %` : `${WHOLE.format(value)} %`;
}

// A lane's cells, in the order of the headings: text, and what it is of.
export function judgedCells({ met, metrics, tokensMet, tokens, answersMet, answers, goodput }) {
  const part = (met, whole) => (met === null ? ['–', ''] : [percent(met / whole), `${WHOLE.format(met)} of ${WHOLE.format(whole)}`]);
  const kept = (one) => (one.met ? 'met' : 'missed') + (one.repeats > 1 ? `, ${one.repeatsMet} of ${one.repeats}` : '');
  const metric = (one) => (one.figure === null ? ['–', ''] : [inWords(one.figure), kept(one)]);
  return [
    [met === null ? '–' : met ? 'passes' : 'fails', ''], ...metrics.map(metric),
    part(tokensMet, tokens), part(answersMet, answers), [goodput === null ? '–' : `${significant(goodput)} req/s`, ''],
  ];
}
