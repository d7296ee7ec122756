// @ts-check
// Takes hold of a target's line on one chart.
import { make } from '../shared/dom.js';
/** @import { Plot } from '../shared/page.d.ts' */
/** @import { Chart } from './chart.js' */

export class Grip {
  /** @type {Chart} */ chart;
  /** @type {(value: number, moving: boolean) => void} */ onDrag;
  /** @type {'x' | 'y'} */ axis;
  /** @type {Plot} */ div;
  /** @type {number | undefined} */ value;

  /** @param {Chart} chart @param {Grip['onDrag']} onDrag */
  constructor(chart, onDrag) {
    Object.assign(this, { chart, onDrag, axis: chart.target.axis, div: chart.div });
    this.node = this.div.parentNode.appendChild(make('div', `lp-grip lp-grip-${this.axis}`));
    this.node.setAttribute('aria-hidden', 'true');
    this.node.addEventListener('pointerdown', (event) => this.begin(event));
    this.div.on('plotly_afterplot', () => this.place());
    this.div.on('plotly_relayout', () => this.place());
    this.place();
  }

  // The axis in pixels, within the chart's box.
  get along() {
    const { range: [low, high], _offset: offset, _length: length } = this.div._fullLayout[`${this.axis}axis`];
    return { low, high, offset, length };
  }

  place() {
    const end = this.chart.ends.at(-1), { low, high, offset, length } = this.along, part = (end - low) / (high - low);
    this.node.hidden = !(part >= 0 && part <= 1);
    if (this.node.hidden) return;
    const { _offset: start, _length: long } = this.div._fullLayout[this.axis === 'x' ? 'yaxis' : 'xaxis'];
    const at = offset + length * (this.axis === 'x' ? part : 1 - part);
    this.node.style[this.axis === 'x' ? 'height' : 'width'] = `${long}px`;
    this.node.style.transform = this.axis === 'x' ? `translate(${at}px, ${start}px)` : `translate(${start}px, ${at}px)`;
  }

  begin(event) {
    if (event.button) return;
    event.preventDefault();
    this.node.setPointerCapture(event.pointerId);
    const move = (event) => this.onDrag(this.value = this.at(event), true);
    const end = () => {
      this.node.removeEventListener('pointermove', move);
      if (this.value !== undefined) this.onDrag(this.value, false);
      this.value = undefined;
    };
    this.node.addEventListener('pointermove', move);
    this.node.addEventListener('lostpointercapture', end, { once: true });
  }

  // Where the pointer is on the axis: in steps that a pixel can tell apart, and never nothing.
  at({ clientX, clientY }) {
    const { low, high, offset, length } = this.along, box = this.div.getBoundingClientRect();
    const part = this.axis === 'x' ? (clientX - box.left - offset) / length : 1 - (clientY - box.top - offset) / length;
    const step = 10 ** Math.floor(Math.log10((high - low) / length));
    return Math.min(high, Math.max(step, Math.round((low + part * (high - low)) / step) * step));
  }
}
