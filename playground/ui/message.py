"""A line of plain text whose value is never taken for markup, for words that quote what a visitor typed."""

from __future__ import annotations

from typing import Any

import gradio as gr

_SHOW = """
const line = element.querySelector('.lp-line');
const show = () => {
  const value = props.value || '', at = value.indexOf('\\n');
  const where = at < 0 ? '' : value.slice(0, at).replace('~', '');
  line.textContent = value.slice(at + 1);
  line.dataset.wrong = String(at >= 0);
  document.querySelectorAll('.lp-wrong').forEach((one) => one.classList.remove('lp-wrong'));
  const wrong = where && document.getElementById(where);
  if (wrong) {
    wrong.classList.add('lp-wrong');
    const field = wrong.querySelector('input, textarea');
    if (field && !value.startsWith('~')) field.focus();
  }
};
watch('value', show);
show();
"""


def line(value: str, elem_id: str, role: str = "status") -> Any:
    """A component. Its value is text, or `wrong(element, sentence)`."""
    return gr.HTML(
        value=value, html_template=f'<p class="lp-line" role="{role}"></p>', js_on_load=_SHOW, apply_default_css=False, elem_id=elem_id
    )


def wrong(element: str, sentence: str, focus: bool = True) -> str:
    """A sentence about the element of this id, if there is one, which is marked; without `focus` nobody is called away from elsewhere."""
    return f"{'' if focus else '~'}{element}\n{' '.join(sentence.split())}"
