"""A control for each setting of a run. None has limits of its own: what is out of range is said beside it, by the setting."""

from __future__ import annotations

from typing import Any

import gradio as gr

from playground.spec.knobs import Setting, Typed
from playground.ui.controls.form import ON_PAGE, Form


def setting_controls(form: Form, *places: str) -> dict[str, Any]:
    """The components of these places, by the settings' names, laid out where this is called."""
    return {one.name: _control(one, form.settings[one.name]) for one in ON_PAGE if one.knob.place in places}


def _control(setting: Setting, value: Typed) -> Any:
    knob = setting.knob
    named = {"label": setting.label, "elem_id": setting.element}
    if setting.choices:
        return gr.Dropdown([(choice.title, choice.typed) for choice in setting.choices], value=value, **named)
    match setting.kind:
        case "whole" | "number":
            return gr.Number(value, min_width=80, **named)
        case "switch":
            return gr.Checkbox(bool(value), info=knob.info or None, min_width=80, **named)
        case "texts":
            return gr.Textbox(value, lines=1, max_lines=4, max_length=None, **named)
        case _:
            return gr.Textbox(value, placeholder=knob.placeholder or None, lines=1, max_lines=2, **named)
