// One lane's row only hands itself over: its fields are built by the script of the Lanes button, once someone opens them.
export const ROWS = new Map();
export const CHANGED = 'lane-row';

export function mount({ element, props, watch }) {
  const { id } = element.closest('.lane-edit');
  const row = { id, element, state: () => props.value };
  const tell = () => document.dispatchEvent(new CustomEvent(CHANGED, { detail: row }));
  ROWS.set(id, row);
  watch('value', tell);
  tell();
}
