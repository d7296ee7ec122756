// What scripts are given from outside: Gradio's arguments of a component's `js_on_load` (`static.py`), and Plotly's one global.

export interface Component {
  element: HTMLElement;
  /** `value`, and what else the component was made with. */
  props: Record<string, any> & { value: string };
  /** Its `server_functions`. */
  server: Record<string, (question: unknown) => Promise<any>>;
  trigger(event: string, data: unknown): void;
  watch(prop: string, changed: () => void): void;
}

/** A chart's box once it is drawn; what begins with `_` is Plotly's own, read for places in pixels. */
export interface Plot extends HTMLElement {
  data: Record<string, any>[];
  layout: Record<string, any>;
  _fullLayout: Record<string, any>;
  on(event: string, take: () => void): void;
}

interface Plotly {
  react(box: Plot, data: object[], layout: object, config: object): void;
  restyle(box: Plot, traces: object, indices: number[]): void;
  relayout(box: Plot, layout: object): void;
  downloadImage(figure: object, image: object): Promise<string>;
  Plots: { resize(box: Plot): void };
}

declare global {
  interface Window { Plotly?: Plotly }

  /** What the page's parts tell each other. */
  interface DocumentEventMap {
    'lp-edit': CustomEvent<{ act: string }>;
    'lane-row': CustomEvent<any>;
  }
}
