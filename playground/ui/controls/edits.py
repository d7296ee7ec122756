"""What happens on each edit: of the lanes, the settings and the preset; and the link that keeps them.

The browser reports edits one after the other (`lane_editor/edits.js`), so each is answered for the page as the one before left it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, assert_never

import gradio as gr

from playground.settings import Settings
from playground.spec.presets import Preset
from playground.ui.controls.controls import HINT, Controls, Updates
from playground.ui.controls.edit_report import Report
from playground.ui.controls.form import Form, FormError, form_of, measure_line, prompts_in, read_form
from playground.ui.controls.link import LinkError, read_link, write_link
from playground.ui.lane_editor.choices import Here
from playground.ui.lane_editor.lane_fields import Lanes, canonical, changed, field_names, is_lane, split_lanes, text_of
from playground.ui.live.idle import idle_feed
from playground.ui.machine import Machine
from playground.ui.message import wrong
from playground.ui.running import INTERNAL, STREAMING, Results
from playground.ui.tools.tools import address

Values = Mapping[Any, Any]
EACH: dict[str, Any] = INTERNAL | {"trigger_mode": "multiple"}
_REPORT = "() => {{ document.dispatchEvent(new CustomEvent('lp-edit', {{ detail: {{ act: '{}' }} }})); }}"


class Edits:
    """Everything that changes what a run would be."""

    def __init__(
        self, settings: Settings, presets: Mapping[str, Preset], machine: Machine, controls: Controls, results: Results, tools: Any
    ) -> None:
        self._settings, self._presets, self._machine = settings, presets, machine
        self._controls, self._lesson, self._live, self._tools = controls, results.lesson, results.live, tools
        self._linked = gr.State(False)

    def wire(self, demo: Any, device: Any) -> None:
        controls = self._controls
        inputs = controls.inputs() | {controls.problem}
        outputs = [*controls.outputs(), self._tools, self._lesson, self._live, self._linked]
        controls.lanes.toggle.input(self._reported, inputs, outputs, **EACH)
        # A text is reported when it is left, everything else at once.
        edited = [field.blur if isinstance(field, gr.Textbox) else field.input for field in controls.fields]
        gr.on(edited, None, js=_REPORT.format("set"), **EACH)
        controls.preset.input(None, js=_REPORT.format("preset"), **EACH)
        loading = demo.load(self._machine.words, None, device, **STREAMING)
        loading.then(self._known, inputs | {self._linked}, outputs, **STREAMING)

    def _known(self, values: Values) -> Updates:
        """Once the machine is known: its devices are among the choices, and the first preset shows the model it has for it."""
        controls = self._controls
        preset = next(iter(self._presets.values()))
        untouched = not values[self._linked] and (values[controls.preset], values[controls.model]) == (preset.name, preset.model)
        model = self._machine.model_for(preset) if untouched else values[controls.model]
        chosen = {controls.model: model} if model != values[controls.model] else {}
        return controls.lanes.offering(controls.lanes_of(values), self._here(values)) | chosen

    def _reported(self, values: Values, event: gr.EventData) -> Updates:
        controls = self._controls
        report = Report.read(event._data)
        if report is None or report.row >= values[controls.count]:
            return {controls.problem: gr.skip()}
        return self._answer(values, report) | {controls.lanes.toggle: json.dumps({"done": report.serial})}

    def _answer(self, values: Values, report: Report) -> Updates:
        lanes, row = self._controls.lanes_of(values), report.row
        match report.act:
            case "preset":
                preset = self._presets[values[self._controls.preset]]
                return self._filled(values, preset, form_of(preset, self._machine.model_for(preset), self._settings.max_lanes))
            case "set":
                return self._completed(values, self._controls.lanes.offering(lanes, self._here(values)))
            case "share":
                preset = self._presets[values[self._controls.preset]]
                return {self._tools: self._address(self._controls.form(values, preset), preset, report.serial)}
            case "restore":
                return self._restored(values, report.search)
            case "typed":
                return self._typed(values, lanes, row, report.text)
            case "field":
                return self._field(values, lanes, report)
            case "add":
                return self._moved(values, lanes.added())
            case "remove":
                return self._moved(values, lanes.removed(row))
            case "duplicate":
                return self._moved(values, lanes.doubled(row))
            case "up":
                return self._moved(values, lanes.moved(row, -1))
            case "down":
                return self._moved(values, lanes.moved(row, 1))
            case "baseline":
                return self._moved(values, lanes.compared_with(row))
            case _:
                assert_never(report.act)

    def _here(self, values: Values) -> Here:
        form = self._controls.form(values, self._presets[values[self._controls.preset]])
        return Here.of(self._settings, self._machine.devices(), prompts_in(form))

    def _filled(self, values: Values, preset: Preset, form: Form) -> Updates:
        controls = self._controls
        here = Here.of(self._settings, self._machine.devices(), prompts_in(form))
        return self._completed(values, controls.filled(preset.name, form, here)) | {self._lesson: preset.lesson, controls.problem: HINT}

    def _moved(self, values: Values, lanes: Lanes) -> Updates:
        """Other rows, or in another order; no more than there is room for."""
        most = len(self._controls.lanes.rows)
        return self._completed(values, self._controls.shown(Lanes(lanes.texts[:most], lanes.baseline), self._here(values)))

    def _typed(self, values: Values, lanes: Lanes, row: int, text: str) -> Updates:
        """The text of a row becomes canonical and its fields follow; several lanes fill the rows below."""
        texts = tuple(canonical(part) for part in split_lanes(text))
        after = lanes.filled(row, texts)
        if len(texts) == 1:
            return self._rewritten(values, after, row)
        left_out = after.texts[len(self._controls.lanes.rows) :]
        message = f"{len(self._controls.lanes.rows)} lanes fit here; left out: {', '.join(left_out)[:200]}" if left_out else HINT
        return self._moved(values, after) | {self._controls.problem: message} | self._verdict(values, after, row)

    def _field(self, values: Values, lanes: Lanes, report: Report) -> Updates:
        if report.name not in field_names() or set(report.fields) != set(field_names()):
            return {}
        text = canonical(text_of(changed(report.fields, report.name, report.fields[report.name])))
        return self._rewritten(values, lanes.filled(report.row, (text,)), report.row)

    def _rewritten(self, values: Values, lanes: Lanes, row: int) -> Updates:
        """One row with another text; its fields follow when it is a lane, and stay when it is not."""
        controls, text, here = self._controls, lanes.texts[row], self._here(values)
        # With several prompts, how small a batch may be depends on the other lanes' batches too.
        offering = controls.lanes.offering(lanes, here, [row] if here.prompts == 1 else None) if is_lane(text) else {}
        return self._completed(values, {controls.lanes.rows[row].text: text} | offering) | self._verdict(values, lanes, row)

    def _verdict(self, values: Values, lanes: Lanes, row: int) -> Updates:
        """The sentence about the row if it is wrong. It goes once the row is right; what stands there about another stays."""
        controls, element = self._controls, f"lane-{row + 1}"
        rows = zip(controls.lanes.rows, lanes.texts, strict=False)
        after = {**values, controls.count: len(lanes.texts)} | {one.text: text for one, text in rows}
        try:
            read_form(controls.form(after, self._presets[values[controls.preset]]), self._settings)
        except FormError as error:
            if error.field == element:
                return {controls.problem: wrong(element, error.sentence, focus=False)}
        return {controls.problem: HINT} if str(values[controls.problem] or "").lstrip("~").startswith(f"{element}\n") else {}

    def _completed(self, values: Values, updates: Updates) -> Updates:
        """The updates; and the line of settings, the address and, before the first run, the live view as they are after them."""
        after = {**values, **updates}
        preset = self._presets[after[self._controls.preset]]
        form = self._controls.form(after, preset)
        completed = updates | {self._controls.summary: measure_line(form), self._tools: self._address(form, preset)}
        lanes_too = any(row.text in updates for row in self._controls.lanes.rows)
        return completed | (self._idle(form, preset) if lanes_too and values[self._controls.fresh] else {})

    def _idle(self, form: Form, preset: Preset) -> Updates:
        try:
            return {self._live: idle_feed(read_form(form, self._settings, preset.published))}
        except FormError:
            return {}

    def _address(self, form: Form, preset: Preset, share: int = 0) -> str:
        """The link of a form that can run; else the address stays as it is."""
        try:
            read_form(form, self._settings)
            return address(write_link(form, preset, self._machine.model_now(preset), self._settings), share=share)
        except FormError as error:
            return address("", f"No link: {error.sentence}" if share else "", share)
        except LinkError as error:
            return address("", error.sentence, share)

    def _restored(self, values: Values, search: str) -> Updates:
        """What the address asks for; if that cannot be, one sentence, and nothing is changed: the address neither."""
        try:
            linked = read_link(search, self._presets, self._settings)
        except LinkError as error:
            return {self._controls.problem: wrong("", error.sentence)}
        if linked is None:
            return {}
        preset = self._presets[linked.preset]
        form = linked.form or form_of(preset, self._machine.model_for(preset), self._settings.max_lanes)
        return self._filled(values, preset, form) | {self._linked: True}
