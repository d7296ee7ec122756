"""The controls above the live view: what to run and how to measure. Native Gradio; eight lane rows are prepared, shown as needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from playground.presets import Preset
from playground.settings import Settings
from playground.spec import MAX_NEW_TOKENS, SCHEDULES
from playground.ui.form import FIXED, FREE, Form, join_prompts

Updates = dict[Any, Any]

NEXT_LANES = ("bf16", "int8", "nf4", "fp32", "fp4", "bf16/top_p(p=0.9)", "bf16/beam(num_beams=4)", "bf16@4")
LENGTHS = [("Fixed", FIXED), ("Free, ends when the model ends", FREE)]


@dataclass(frozen=True, slots=True)
class LaneRow:
    row: Any
    text: Any
    remove: Any


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
    system: Any
    lanes: tuple[LaneRow, ...]
    add: Any
    count: Any
    """How many lane rows are shown."""

    FIELDS = ("model", "prompt", "system", "schedule", "length", "max_new_tokens", "warmup", "repeats", "seed", "threads")

    def inputs(self) -> set[Any]:
        """What makes a run."""
        return {self.preset, self.count, *(getattr(self, name) for name in self.FIELDS), *(lane.text for lane in self.lanes)}

    def outputs(self) -> list[Any]:
        """All that `shown`, `locked` and `unlocked` may change."""
        plain = [getattr(self, field.name) for field in fields(self) if field.name != "lanes"]
        return plain + [part for lane in self.lanes for part in (lane.row, lane.text, lane.remove)]

    def form(self, values: Mapping[Any, Any], chat: bool) -> Form:
        texts = tuple(values[lane.text] or "" for lane in self.lanes[: values[self.count]])
        given = {name: values[getattr(self, name)] for name in self.FIELDS}
        return Form(**given | {name: given[name] or "" for name in ("model", "prompt", "system")}, lanes=texts, chat=chat)

    def shown(self, texts: Sequence[str]) -> Updates:
        """These lanes, and only these."""
        updates: Updates = {self.count: len(texts), self.add: gr.update(interactive=len(texts) < len(self.lanes))}
        for index, lane in enumerate(self.lanes):
            updates[lane.row] = gr.update(visible=index < len(texts))
            updates[lane.remove] = gr.update(interactive=len(texts) > 1)
            if index < len(texts):
                updates[lane.text] = texts[index]
        return updates

    def locked(self) -> Updates:
        """Nothing that would change the run; Stop instead of Run."""
        return self._usable(False, len(self.lanes))

    def unlocked(self, count: int) -> Updates:
        return self._usable(True, count)

    def _usable(self, usable: bool, count: int) -> Updates:
        parts = [self.preset, self.run, *(getattr(self, name) for name in self.FIELDS), *(lane.text for lane in self.lanes)]
        updates: Updates = {part: gr.update(interactive=usable) for part in parts}
        updates |= {lane.remove: gr.update(interactive=usable and count > 1) for lane in self.lanes}
        return updates | {self.add: gr.update(interactive=usable and count < len(self.lanes)), self.stop: gr.update(interactive=not usable)}

    def from_preset(self, preset: Preset, model: str) -> Updates:
        """Every field as the preset says."""
        measure = preset.measure
        return self.shown(preset.lanes[: len(self.lanes)]) | {
            self.model: model,
            self.prompt: join_prompts(preset.prompts),
            self.system: preset.system or "",
            self.schedule: preset.schedule or "interleaved",
            self.length: FIXED if measure.fixed_length else FREE,
            self.max_new_tokens: measure.max_new_tokens,
            self.warmup: measure.warmup,
            self.repeats: measure.repeats,
            self.seed: measure.seed,
            self.threads: measure.threads or 0,
        }


def next_lane(texts: Sequence[str]) -> str:
    """A lane to add: one that is not there yet."""
    return next((lane for lane in NEXT_LANES if lane not in texts), texts[-1])


def add_controls(settings: Settings, presets: Mapping[str, Preset]) -> Controls:
    """Lays out the controls, filled from the first preset."""
    preset = next(iter(presets.values()))
    with gr.Row(elem_id="what", equal_height=True):
        choice = gr.Dropdown([(one.title, name) for name, one in presets.items()], value=preset.name, label="Preset", elem_id="preset")
        model = gr.Dropdown(list(settings.models), value=preset.model, label="Model", elem_id="model")
        prompt = gr.Textbox(
            join_prompts(preset.prompts),
            label="Prompt; several for a batch: a line of --- between them",
            lines=1,
            max_lines=4,
            elem_id="prompt",
            max_length=None,
        )
        with gr.Row(elem_id="actions"):
            run = gr.Button("Run", variant="primary", elem_id="run")
            stop = gr.Button("Stop", interactive=False, elem_id="stop")
    with gr.Row(elem_id="how", equal_height=True):
        measuring = _measuring(preset)
    lanes, add = _lanes(settings.max_lanes, preset)
    count = gr.State(len(preset.lanes))
    return Controls(preset=choice, model=model, prompt=prompt, run=run, stop=stop, **measuring, lanes=lanes, add=add, count=count)


def _measuring(preset: Preset) -> dict[str, Any]:
    measure = preset.measure
    whole = {"precision": 0, "min_width": 80}
    return {
        "max_new_tokens": gr.Number(
            measure.max_new_tokens, label="New tokens", minimum=1, maximum=MAX_NEW_TOKENS, elem_id="max-new-tokens", **whole
        ),
        "length": gr.Dropdown(LENGTHS, value=FIXED if measure.fixed_length else FREE, label="Length", elem_id="length"),
        "schedule": gr.Dropdown(
            [(name.capitalize(), name) for name in reversed(SCHEDULES)],
            value=preset.schedule or "interleaved",
            label="Schedule",
            elem_id="schedule",
        ),
        "warmup": gr.Number(measure.warmup, label="Warm-ups", minimum=0, elem_id="warmup", **whole),
        "repeats": gr.Number(measure.repeats, label="Repeats", minimum=1, elem_id="repeats", **whole),
        "seed": gr.Number(measure.seed, label="Seed", minimum=0, elem_id="seed", **whole),
        "threads": gr.Number(measure.threads or 0, label="Threads, 0: all", minimum=0, elem_id="threads", **whole),
        "system": gr.Textbox(preset.system or "", label="System prompt", placeholder="none", lines=1, max_lines=2, elem_id="system"),
    }


def _lanes(most: int, preset: Preset) -> tuple[tuple[LaneRow, ...], Any]:
    with gr.Row(elem_id="lanes"):
        with gr.Row(elem_id="lane-rows"):
            rows = tuple(_lane_row(number, preset.lanes) for number in range(1, most + 1))
        add = gr.Button("Add lane", size="sm", elem_id="add-lane", interactive=len(preset.lanes) < most)
    return rows, add


def _lane_row(number: int, texts: Sequence[str]) -> LaneRow:
    text = texts[number - 1] if number <= len(texts) else ""
    with gr.Row(elem_id=f"lane-{number}", elem_classes="lane-edit", visible=number <= len(texts)) as row:
        box = gr.Textbox(text, label=f"Lane {number}", show_label=False, container=False, lines=1, max_lines=1, min_width=60)
        remove = gr.Button(f"Remove lane {number}", size="sm", elem_classes="lane-remove", min_width=24, interactive=len(texts) > 1)
    return LaneRow(row, box, remove)
