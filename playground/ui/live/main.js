// @ts-check
// The live view: its value says which run is shown, whose records are asked for and drawn.
import { Records } from './records.js';
import { LiveView } from './view.js';
import { keepFocus, pressByKeys } from './keys.js';
/** @import { Component } from '../shared/page.d.ts' */
/** @import { Charts } from './charts.js' */

const EDITS_REST_MS = 300;

/** @param {Component} component */
export function mount({ element, props, server, watch }) {
  const view = new LiveView(element.querySelector('.lp'), (question) => server.attainment(question));
  const records = new Records((request) => server.frames(request), view);
  const read = () => {
    if (!props.value) return;
    const value = JSON.parse(props.value);
    if (value.left) records.leave();
    else if (value.key) records.follow(value.key);
    else view.begin(value.start);
  };
  watch('value', read);
  loadPlotly(props.plotly_src, view.charts);
  read();
  watchPage(view);
}

/** @param {string} src @param {Charts} charts */
function loadPlotly(src, charts) {
  const script = document.createElement('script');
  script.src = src;
  script.onload = () => charts.draw();
  script.onerror = () => charts.complain('The charts could not be loaded.');
  document.head.append(script);
}

// What happens on the page around it: keys, edits of the lanes, the theme.
function watchPage(view) {
  let timer = 0;
  const edited = () => {
    clearTimeout(timer);
    timer = setTimeout(() => view.askAgain(), EDITS_REST_MS);
  };
  pressByKeys();
  for (const kind of ['input', 'change', 'click']) document.addEventListener(kind, edited);
  new MutationObserver(keepFocus).observe(document.body, { subtree: true, attributeFilter: ['disabled'] });
  new MutationObserver(() => view.charts.recolour()).observe(document.body, { attributes: true, attributeFilter: ['class'] });
}
