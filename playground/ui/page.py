"""The page: components, and what happens when the controls are used. Handlers parse, call and render."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from playground.engines.fleet import Fleet
from playground.presets import Preset
from playground.runner import Runner
from playground.settings import Settings
from playground.ui.api import add_endpoint
from playground.ui.caps import Caps
from playground.ui.controls import Controls, Updates, add_controls, next_lane
from playground.ui.feed import Feed
from playground.ui.line import line
from playground.ui.live import live_view
from playground.ui.look import serve_plotly
from playground.ui.machine import Machine
from playground.ui.running import DOWNLOADS, HINT, INTERNAL, STREAMING, Results, Running
from playground.ui.streams import Streams
from playground.ui.watch import watch_button
from playground.view import RunView


def build(settings: Settings, fleet: Fleet, runner: Runner, presets: Mapping[str, Preset]) -> Any:
    """The page, not yet served. Starts no engine."""
    machine, caps, streams = Machine(fleet, settings), Caps(settings), Streams()
    with gr.Blocks(title="Latency Playground", analytics_enabled=False, fill_width=True, delete_cache=(3600, 24 * 3600)) as demo:
        with gr.Row(elem_id="top"):
            gr.HTML("<h1>Latency Playground</h1>", apply_default_css=False, elem_id="title")
            device = line("The device is starting", "device")
            watch = watch_button(settings.watch)
        controls = add_controls(settings, presets)
        results = _results(settings, presets, watch, streams)
        _Page(presets, machine, controls, results).wire(demo, device)
        Running(settings, runner, presets, caps, streams, controls, results).wire(demo)
        add_endpoint(settings, runner, presets, machine.on_gpu, caps)
    return demo


def _results(settings: Settings, presets: Mapping[str, Preset], watch: Any, streams: Streams) -> Results:
    preset = next(iter(presets.values()))
    problem = line(HINT, "problem", role="alert")
    live = live_view(_idle(preset, settings), serve_plotly(settings.cache_dir), streams.frames)
    with gr.Row(elem_id="after"):
        lesson = line(preset.lesson, "lesson")
        more = gr.Button("Make it sure", size="sm", interactive=False, elem_id="more")
        with gr.Row(elem_id="downloads"):
            downloads = tuple(gr.DownloadButton(title, size="sm", interactive=False, elem_id=name) for name, title in DOWNLOADS.items())
    return Results(watch, problem, live, lesson, more, downloads)


def _idle(preset: Preset, settings: Settings) -> str:
    """What stands there before the first run: the preset's lanes, without figures."""
    measure = {**preset.measure.model_dump(exclude_unset=True), "schedule": preset.schedule or "interleaved"}
    lanes = preset.lanes[: settings.max_lanes]
    request = preset.request(models=settings.models, adapters=settings.adapters, lanes=lanes, measure=measure)
    return Feed(RunView(request, "idle", datetime.now(UTC).isoformat(timespec="seconds"))).start(idle=True)


class _Page:
    """What happens when the controls are used."""

    def __init__(self, presets: Mapping[str, Preset], machine: Machine, controls: Controls, results: Results) -> None:
        self._presets, self._machine, self._controls, self._results = presets, machine, controls, results

    def wire(self, demo: Any, device: Any) -> None:
        controls = self._controls
        demo.load(self._machine.words, None, device, **STREAMING)
        demo.load(self._first_model, None, controls.model, **STREAMING)
        controls.preset.input(self._choose, controls.preset, [*controls.outputs(), self._results.lesson, self._results.problem], **INTERNAL)
        controls.add.click(self._add_lane, controls.inputs(), controls.outputs(), **INTERNAL)
        for index, lane in enumerate(controls.lanes):
            lane.remove.click(self._remove_lane(index), controls.inputs(), controls.outputs(), **INTERNAL)

    def _first_model(self) -> str:
        return self._machine.model_for(next(iter(self._presets.values())))

    def _choose(self, name: str) -> Updates:
        preset = self._presets[name]
        chosen = self._controls.from_preset(preset, self._machine.model_for(preset))
        return chosen | {self._results.lesson: preset.lesson, self._results.problem: HINT}

    def _texts(self, values: Mapping[Any, Any]) -> list[str]:
        return [values[lane.text] or "" for lane in self._controls.lanes[: values[self._controls.count]]]

    def _add_lane(self, values: dict[Any, Any]) -> Updates:
        texts = self._texts(values)
        return self._controls.shown([*texts, next_lane(texts)][: len(self._controls.lanes)])

    def _remove_lane(self, index: int) -> Callable[[dict[Any, Any]], Updates]:
        def remove(values: dict[Any, Any]) -> Updates:
            texts = self._texts(values)
            return self._controls.shown(texts[:index] + texts[index + 1 :] if len(texts) > 1 else texts)

        return remove
