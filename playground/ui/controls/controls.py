"""The controls above the live view: what to run and how to measure. Native Gradio; nine lane rows are prepared, shown as needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.settings import Settings
from playground.spec.presets import Preset
from playground.ui.controls.form import Form, form_of, measure_line, prompts_in
from playground.ui.controls.setting_controls import setting_controls
from playground.ui.lane_editor.choices import Here
from playground.ui.lane_editor.lane_fields import Lanes
from playground.ui.lane_editor.rows import LaneRows, add_lane_rows
from playground.ui.message import line
from playground.ui.static import Static

Updates = dict[Any, Any]

HINT = "A lane: precision[options]+adapter/decoding(parameters)@batch, such as nf4[double_quant=true]/top_p(p=0.9)@4"
_UNFOLD = """
const button = element.querySelector('.lp-fold'), how = document.getElementById('how');
button.addEventListener('click', () => {
  const open = how.dataset.open !== 'true';
  how.dataset.open = String(open);
  button.setAttribute('aria-expanded', String(open));
});
"""


@dataclass(frozen=True, slots=True)
class Controls:
    """The components, by what they are."""

    preset: Any
    model: Any
    settings: Mapping[str, Any]
    """Of each setting that has a control, by its name."""
    run: Any
    stop: Any
    summary: Any
    """The settings of measurement in one line."""
    problem: Any
    lanes: LaneRows
    count: Any
    """How many lane rows are shown."""
    baseline: Any
    """The index of the lane the others are compared with."""
    fresh: Any
    """Whether nothing has run yet, so that the live view may follow the edits."""

    @property
    def fields(self) -> tuple[Any, ...]:
        """What is filled in, besides the lanes."""
        return (self.model, *self.settings.values())

    def inputs(self) -> set[Any]:
        """What makes a run."""
        return {self.preset, self.count, self.baseline, self.fresh, *self.fields, *(row.text for row in self.lanes.rows)}

    def outputs(self) -> list[Any]:
        """All that an edit, `locked` and `unlocked` may change."""
        states = [self.count, self.baseline, self.fresh]
        return [self.preset, *self.fields, self.run, self.stop, self.summary, self.problem, *states, *self.lanes.parts()]

    def lanes_of(self, values: Mapping[Any, Any]) -> Lanes:
        count = values[self.count]
        return Lanes(tuple(values[row.text] or "" for row in self.lanes.rows[:count]), min(values[self.baseline], count - 1))

    def form(self, values: Mapping[Any, Any], preset: Preset) -> Form:
        """The form as it stands; a setting without a control is the preset's."""
        lanes = self.lanes_of(values)
        typed = {name: values[component] for name, component in self.settings.items()}
        hidden = form_of(preset, preset.model, len(self.lanes.rows)).settings
        return Form(values[self.model] or "", lanes.texts, {**hidden, **typed}, lanes.baseline)

    def shown(self, lanes: Lanes, here: Here) -> Updates:
        """These lanes, and only these."""
        return {self.count: len(lanes.texts), self.baseline: lanes.baseline} | self.lanes.shown(lanes, here)

    def filled(self, preset: str, form: Form, here: Here) -> Updates:
        """Every field as the form says."""
        given = {component: form.settings[name] for name, component in self.settings.items()}
        return self.shown(Lanes(form.lanes, form.baseline), here) | given | {self.preset: preset, self.model: form.model}

    def locked(self) -> Updates:
        """Nothing that would change the run; Stop instead of Run."""
        return self._usable(False, len(self.lanes.rows))

    def unlocked(self, count: int) -> Updates:
        return self._usable(True, count)

    def _usable(self, usable: bool, count: int) -> Updates:
        parts = [self.preset, self.run, *self.fields]
        updates: Updates = {part: gr.update(interactive=usable) for part in parts}
        return updates | self.lanes.usable(usable, count) | {self.stop: gr.update(interactive=not usable)}


def add_controls(settings: Settings, presets: Mapping[str, Preset], form: Form, static: Static) -> Controls:
    """Lays out the controls, filled from the first preset's form."""
    preset, here = next(iter(presets.values())), Here.of(settings, None, prompts_in(form))
    offered = [(one.title, name) for name, one in presets.items()]
    with gr.Row(elem_id="what", equal_height=True):
        chosen = gr.Dropdown(offered, value=preset.name, label="Preset", elem_id="preset")
        model = gr.Dropdown(list(settings.models), value=form.model, label="Model", elem_id="model")
        top = setting_controls(form, "top")
        with gr.Row(elem_id="actions"):
            run = gr.Button("Run", variant="primary", elem_id="run")
            stop = gr.Button("Stop", interactive=False, elem_id="stop")
    lanes = add_lane_rows(settings.max_lanes, Lanes(form.lanes), here, static)
    with gr.Row(elem_id="said"):
        problem = line(HINT, "problem", role="alert")
        summary = line(measure_line(form), "summary")
        button = '<button type="button" class="lp-fold" aria-expanded="false" aria-controls="how">Settings</button>'
        gr.HTML(html_template=button, js_on_load=_UNFOLD, apply_default_css=False, elem_id="settings-toggle")
    with gr.Row(elem_id="how", equal_height=True):
        below = setting_controls(form, "settings", "more")
    states = {"count": gr.State(len(form.lanes)), "baseline": gr.State(0), "fresh": gr.State(True)}
    what = {"preset": chosen, "model": model, "settings": top | below}
    return Controls(**what, run=run, stop=stop, lanes=lanes, problem=problem, summary=summary, **states)
