// What the browser is fed and answered. Written by `make types` from the types in Python; not edited by hand.

/** Instead of a run's first record: the key to ask for its records with. */
export interface Following {
  key: string;
}

/** Instead of a run's first record: what is shown stays, and nothing follows. */
export interface Left {
  left: true;
}

/** A run's first record. */
export interface First {
  run: string;
  start: Start;
}

/** What is another since the frame before. */
export interface Frame {
  sections?: Record<string, SectionRecord | RowsChange>;
  readings?: Record<string, SectionRecord>;
  state?: 'waiting' | 'running' | 'done' | 'cancelled';
  verdict?: string;
  beneath?: string;
  repeats?: number;
  measure?: string;
  words?: string;
  note?: string;
  charts?: Record<string, FigureChange>;
  lanes?: Record<string, LaneChanges>;
}

export interface Answer {
  records: string;
  seen: number;
  over: boolean;
  pause_s: number;
}

/** The lanes against a target. */
export interface TargetTable {
  headings: [string, string][];
  rows: [string, string, boolean | null][][];
  notes: string;
}

/** Instead of a table: `LimitError`. */
export interface WrongLimit {
  limit: string;
  wrong: string;
}

/** What the browser draws when a run begins. */
export interface Start {
  sections: Record<string, SectionRecord>;
  tools: ToolRecord[];
  readings: Record<string, SectionRecord>;
  idle: boolean;
  watching: boolean;
  key: string;
  lanes: LaneRecord[];
  baseline: number;
  prompts: number;
  tokens: number;
  adapters: boolean;
  measure: string;
  charts: Record<string, ChartRecord>;
  palettes: Record<string, Palette>;
  targets: TargetChoice;
}

export interface SectionRecord {
  title: string;
  headings: Heading[];
  rows: RowRecord[];
  notes: string[];
}

/** Of a section's rows those that are another, by their places. */
export interface RowsChange {
  changed: Record<string, RowRecord>;
}

/** What of a figure is another. */
export interface FigureChange {
  layout?: Record<string, any>;
  data?: Record<string, Record<string, any>> | Record<string, any>[];
}

/** What of a lane is another since the frame before. */
export interface LaneChanges {
  fresh?: boolean;
  steps?: [number, number | [number, number], ...(string | [number, number | null, string][])[]][];
  warm?: number;
  text?: [number, number | null, string][];
  state?: 'waiting' | 'loading' | 'ready' | 'running' | 'done' | 'failed';
  words?: string;
  fraction?: number | null;
  unsure?: string;
  basis?: string;
  ttft?: string;
  tpot?: string;
  ratio?: string;
  rate?: string;
  row_rate?: string;
  memory?: string;
  memory_parts?: string;
  cold?: string;
  e2e?: string;
  e2e_ms?: number | null;
  swap?: string;
  every_swap?: string;
  adapters?: string;
  change?: string;
  compared?: string;
  compared_whole?: string;
  neighbours?: string;
  phases?: [number, string][];
  phases_of?: string;
}

export interface ToolRecord {
  name: string;
  title: string;
}

/** What of a lane stands before anything has run. */
export interface LaneRecord {
  label: string;
  short: string;
  tag: string;
  batch: number;
  code: string;
}

/** A chart whole: its figure, how it grows, and where a target is drawn. */
export interface ChartRecord {
  figure: Record<string, any>;
  grows: Grows | null;
  target: TargetLine | null;
}

export interface Palette {
  lanes: string[];
  surface: string;
  ink: string;
  muted: string;
  grid: string;
}

/** What the page offers. */
export interface TargetChoice {
  limits: LimitRecord[];
  options: TargetOption[];
  meanings: [string, string][];
  note: string;
  first: TargetTable;
}

export interface Heading {
  title: string;
  meaning: string;
  unit: string;
  numeric: boolean;
  main: boolean;
}

export interface RowRecord {
  lane: number | null;
  cells: CellRecord[];
}

export interface Grows {
  x: 'own_s' | 'tokens' | 'step' | 'gap_ms';
  y: 'own_s' | 'tokens' | 'step' | 'gap_ms';
  keep: 'last' | 'extremes';
  axis: 'x' | 'y';
  room: number;
}

export interface TargetLine {
  axis: 'x' | 'y';
  limit: string;
}

/** A metric that targets limit, and the unit it is typed in. */
export interface LimitRecord {
  key: string;
  title: string;
  unit: string;
}

/** A published target. */
export interface TargetOption {
  name: string;
  title: string;
  source: string;
  fields: string[];
  ends: number[][];
}

/** A `Cell`; what is empty is left out. */
export interface CellRecord {
  text: string;
  beside?: string[];
  hint?: string;
  value?: number;
  mark?: '' | 'baseline' | 'failed' | 'met' | 'missed' | 'changed';
}
