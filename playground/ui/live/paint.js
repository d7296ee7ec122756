// @ts-check
// How charts look here: the theme's colours, the page's type, and larger for a projector.
import { isDark, onStage } from '../shared/look.js';
/** @import { ChartRecord, Palette } from './feed.d.ts' */

const STAGE = { title: 20, ticks: 16, line: 4 };

export class Paint {
  /** @type {Record<string, Palette>} */ palettes;
  /** @type {string} */ family;

  /** @param {Record<string, Palette>} palettes @param {string} family */
  constructor(palettes, family) {
    Object.assign(this, { palettes, family });
  }

  get palette() { return this.palettes[isDark() ? 'dark' : 'light']; }

  // A copy of a figure, which comes in the light palette's colours: each becomes the one at its place in the theme's own.
  /** @param {ChartRecord['figure']} figure */
  painted({ data, layout }) {
    const colours = new Map(Object.entries(this.palettes.light).flatMap(([name, colour]) => pairs(colour, this.palette[name])));
    return this.sized({ data: recoloured(data, colours), layout: recoloured(layout, colours) });
  }

  sized({ data, layout }) {
    layout.font = { ...layout.font, family: this.family };
    layout.hoverlabel = { ...layout.hoverlabel, font: { ...layout.hoverlabel?.font, family: this.family } };
    if (onStage()) {
      Object.assign(layout.title.font, { size: STAGE.title });
      for (const axis of [layout.xaxis, layout.yaxis]) axis.tickfont.size = STAGE.ticks;
      for (const trace of data) if (trace.line) trace.line.width = STAGE.line;
    }
    return { data, layout };
  }
}

/** @type {(one: any, other: any) => [string, string][]} */
const pairs = (one, other) => (Array.isArray(one) ? one.map((colour, at) => [colour, other[at]]) : [[one, other]]);

function recoloured(value, colours, key = '') {
  if (Array.isArray(value)) return value.map((one) => recoloured(one, colours, key));
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, recoloured(one, colours, name)]));
  }
  return key.endsWith('color') ? colours.get(value) ?? value : value;
}
