"""The controls above the live view: what to run and how to measure. Native Gradio; nine lane rows are prepared, shown as needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from playground.settings import Settings
from playground.spec.measure import MAX_NEW_TOKENS, SCHEDULES
from playground.spec.presets import Preset
from playground.ui.controls.form import FIXED, FREE, Form, measure_line, split_prompts
from playground.ui.lane_editor.choices import Here
from playground.ui.lane_editor.lane_fields import Lanes
from playground.ui.lane_editor.rows import LaneRows, add_lane_rows
from playground.ui.message import line

Updates = dict[Any, Any]

LENGTHS = [("Fixed", FIXED), ("Free, ends when the model ends", FREE)]
HINT = "A lane: precision[options]+adapter/decoding(parameters)@batch, such as nf4[double_quant=true]/top_p(p=0.9)@4"
COMPARE = (
    "After the repeats, off the clock, each lane’s model reads the baseline’s answer, and it is counted "
    "how often both find the same next token likeliest."
)
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
    prompt: Any
    run: Any
    stop: Any
    max_new_tokens: Any
    length: Any
    schedule: Any
    warmup: Any
    repeats: Any
    seed: Any
    threads: Any
    agreement: Any
    quantum_ms: Any
    until_percent: Any
    limit_s: Any
    system: Any
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

    FIELDS = (
        *("model", "prompt", "system", "schedule", "length", "max_new_tokens", "warmup", "repeats", "seed", "threads"),
        *("agreement", "quantum_ms", "until_percent", "limit_s"),
    )

    def inputs(self) -> set[Any]:
        """What makes a run."""
        states = {self.preset, self.count, self.baseline, self.fresh}
        return {*states, *(getattr(self, name) for name in self.FIELDS), *(row.text for row in self.lanes.rows)}

    def outputs(self) -> list[Any]:
        """All that an edit, `locked` and `unlocked` may change."""
        return [*(getattr(self, field.name) for field in fields(self) if field.name != "lanes"), *self.lanes.parts()]

    def lanes_of(self, values: Mapping[Any, Any]) -> Lanes:
        count = values[self.count]
        return Lanes(tuple(values[row.text] or "" for row in self.lanes.rows[:count]), min(values[self.baseline], count - 1))

    def form(self, values: Mapping[Any, Any], chat: bool) -> Form:
        lanes = self.lanes_of(values)
        given = {name: values[getattr(self, name)] for name in self.FIELDS}
        texts = {name: given[name] or "" for name in ("model", "prompt", "system")}
        plain = {"threads": given["threads"] or 0, "agreement": bool(given["agreement"])}
        return Form(**given | texts | plain, lanes=lanes.texts, chat=chat, baseline=lanes.baseline)

    def shown(self, lanes: Lanes, here: Here) -> Updates:
        """These lanes, and only these."""
        return {self.count: len(lanes.texts), self.baseline: lanes.baseline} | self.lanes.shown(lanes, here)

    def filled(self, preset: str, form: Form, here: Here) -> Updates:
        """Every field as the form says."""
        given = {getattr(self, name): getattr(form, name) for name in self.FIELDS}
        return self.shown(Lanes(form.lanes, form.baseline), here) | given | {self.preset: preset}

    def locked(self) -> Updates:
        """Nothing that would change the run; Stop instead of Run."""
        return self._usable(False, len(self.lanes.rows))

    def unlocked(self, count: int) -> Updates:
        return self._usable(True, count)

    def _usable(self, usable: bool, count: int) -> Updates:
        parts = [self.preset, self.run, *(getattr(self, name) for name in self.FIELDS)]
        updates: Updates = {part: gr.update(interactive=usable) for part in parts}
        return updates | self.lanes.usable(usable, count) | {self.stop: gr.update(interactive=not usable)}


def add_controls(settings: Settings, presets: Mapping[str, Preset], form: Form) -> Controls:
    """Lays out the controls, filled from the first preset's form."""
    preset, here = next(iter(presets.values())), Here.of(settings, None, len(split_prompts(form.prompt)))
    with gr.Row(elem_id="what", equal_height=True):
        what = _what(settings, presets, preset, form)
        with gr.Row(elem_id="actions"):
            run = gr.Button("Run", variant="primary", elem_id="run")
            stop = gr.Button("Stop", interactive=False, elem_id="stop")
    lanes = add_lane_rows(settings.max_lanes, Lanes(form.lanes), here)
    with gr.Row(elem_id="said"):
        problem = line(HINT, "problem", role="alert")
        summary = line(measure_line(form), "summary")
        button = '<button type="button" class="lp-fold" aria-expanded="false" aria-controls="how">Settings</button>'
        gr.HTML(html_template=button, js_on_load=_UNFOLD, apply_default_css=False, elem_id="settings-toggle")
    with gr.Row(elem_id="how", equal_height=True):
        how = _how(form)
    states = {"count": gr.State(len(form.lanes)), "baseline": gr.State(0), "fresh": gr.State(True)}
    return Controls(**what, run=run, stop=stop, **how, lanes=lanes, problem=problem, summary=summary, **states)


def _what(settings: Settings, presets: Mapping[str, Preset], preset: Preset, form: Form) -> dict[str, Any]:
    return {
        "preset": gr.Dropdown([(one.title, name) for name, one in presets.items()], value=preset.name, label="Preset", elem_id="preset"),
        "model": gr.Dropdown(list(settings.models), value=form.model, label="Model", elem_id="model"),
        "prompt": gr.Textbox(
            form.prompt,
            label="Prompt; several for a batch: a line of --- between them",
            lines=1,
            max_lines=4,
            elem_id="prompt",
            max_length=None,
        ),
        "max_new_tokens": _whole(form.max_new_tokens, "New tokens", 1, "max-new-tokens", maximum=MAX_NEW_TOKENS),
    }


def _how(form: Form) -> dict[str, Any]:
    schedules = [(name.capitalize(), name) for name in reversed(SCHEDULES)]
    return {
        "schedule": gr.Dropdown(schedules, value=form.schedule, label="Schedule", elem_id="schedule"),
        "length": gr.Dropdown(LENGTHS, value=form.length, label="Length", elem_id="length"),
        "warmup": _whole(form.warmup, "Warm-ups", 0, "warmup"),
        "repeats": _whole(form.repeats, "Repeats", 1, "repeats"),
        "seed": _whole(form.seed, "Seed", 0, "seed"),
        "threads": _whole(form.threads, "Threads, 0: all", 0, "threads"),
        "system": gr.Textbox(form.system, label="System prompt", placeholder="none", lines=1, max_lines=2, elem_id="system"),
        "quantum_ms": _number(form.quantum_ms, "Turn of a lane, ms", "quantum-ms"),
        "until_percent": _number(form.until_percent, "Until interval < %; 0: off", "until-percent"),
        "limit_s": _number(form.limit_s, "At most, s", "limit-s"),
        "agreement": gr.Checkbox(form.agreement, label="Compare outputs", info=COMPARE, elem_id="agreement", min_width=80),
    }


def _number(value: float | None, label: str, elem_id: str) -> Any:
    return gr.Number(value, label=label, minimum=0, elem_id=elem_id, min_width=80)


def _whole(value: float | None, label: str, minimum: int, elem_id: str, **more: Any) -> Any:
    return gr.Number(value, label=label, minimum=minimum, elem_id=elem_id, precision=0, min_width=80, **more)
