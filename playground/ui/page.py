"""The page: components, what happens on each event, and the wiring. Handlers parse, call and render."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gradio as gr

from playground.engines.fleet import Fleet
from playground.export import csv_text, markdown_text
from playground.presets import Preset
from playground.runner import Runner
from playground.settings import Settings
from playground.spec import SpecError
from playground.ui.api import add_endpoint
from playground.ui.controls import Controls, Updates, add_controls, next_lane
from playground.ui.feed import Feed
from playground.ui.form import FormError, read_form, sentence_of
from playground.ui.line import line, wrong
from playground.ui.live import live_view, paced
from playground.ui.look import serve_plotly
from playground.ui.machine import Machine
from playground.ui.visits import Visits
from playground.view import RunView

FRAME_S = 0.05
HINT = "A lane: precision[options]+adapter/decoding(parameters)@batch, such as nf4[double_quant=true]/top_p(p=0.9)@4"
DOWNLOADS = {"download": "Recording as JSON", "download-csv": "CSV", "download-md": "Markdown"}
"""The buttons' ids and titles, in the order of the files of `_kept`."""
INTERNAL: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build(settings: Settings, fleet: Fleet, runner: Runner, presets: Mapping[str, Preset]) -> Any:
    """The page, not yet served. Starts no engine."""
    machine = Machine(fleet, settings)
    with gr.Blocks(title="Latency Playground", analytics_enabled=False, fill_width=True, delete_cache=(3600, 24 * 3600)) as demo:
        with gr.Row(elem_id="top"):
            gr.HTML("<h1>Latency Playground</h1>", apply_default_css=False, elem_id="title")
            device = line("The device is starting", "device")
        controls = add_controls(settings, presets)
        page = _Page(settings, runner, presets, machine, controls, *_results(settings, presets))
        page.wire(demo, device)
        add_endpoint(settings, runner, presets, machine.on_gpu)
    return demo


def _results(settings: Settings, presets: Mapping[str, Preset]) -> tuple[Any, Any, Any, list[Any]]:
    preset = next(iter(presets.values()))
    problem = line(HINT, "problem", role="alert")
    live = live_view(_idle(preset, settings), serve_plotly(settings.cache_dir))
    with gr.Row(elem_id="after"):
        lesson = line(preset.lesson, "lesson")
        with gr.Row(elem_id="downloads"):
            downloads = [gr.DownloadButton(title, size="sm", interactive=False, elem_id=name) for name, title in DOWNLOADS.items()]
    return problem, live, lesson, downloads


def _idle(preset: Preset, settings: Settings) -> str:
    """What stands there before the first run: the preset's lanes, without figures."""
    measure = {**preset.measure.model_dump(exclude_unset=True), "schedule": preset.schedule or "interleaved"}
    lanes = preset.lanes[: settings.max_lanes]
    request = preset.request(models=settings.models, adapters=settings.adapters, lanes=lanes, measure=measure)
    return Feed(RunView(request, "idle", datetime.now(UTC).isoformat(timespec="seconds"))).start(idle=True)


class _Page:
    """What happens on each event of one page."""

    def __init__(
        self,
        settings: Settings,
        runner: Runner,
        presets: Mapping[str, Preset],
        machine: Machine,
        controls: Controls,
        problem: Any,
        live: Any,
        lesson: Any,
        downloads: list[Any],
    ) -> None:
        self._settings, self._runner, self._presets, self._machine = settings, runner, presets, machine
        self._controls, self._problem, self._live, self._lesson, self._downloads = controls, problem, live, lesson, downloads
        self._visits = Visits()

    def wire(self, demo: Any, device: Any) -> None:
        controls = self._controls
        demo.load(self._machine.words, None, device, **INTERNAL | {"queue": True}, concurrency_limit=None)
        demo.load(self._first_model, None, controls.model, **INTERNAL | {"queue": True}, concurrency_limit=None)
        demo.unload(self._leave)
        controls.preset.input(self._choose, controls.preset, [*controls.outputs(), self._lesson, self._problem], **INTERNAL)
        controls.add.click(self._add_lane, controls.inputs(), controls.outputs(), **INTERNAL)
        for index, lane in enumerate(controls.lanes):
            lane.remove.click(self._remove_lane(index), controls.inputs(), controls.outputs(), **INTERNAL)
        started = controls.run.click(self._begin, controls.inputs(), [*controls.outputs(), self._problem, *self._downloads], **INTERNAL)
        streamed = started.then(
            self._stream, None, [self._live, *self._downloads], **INTERNAL | {"queue": True}, concurrency_limit=None, scroll_to_output=False
        )
        streamed.then(self._end, controls.count, controls.outputs(), **INTERNAL)
        controls.stop.click(self._stop, None, None, trigger_mode="multiple", **INTERNAL)

    def _first_model(self) -> str:
        return self._machine.model_for(next(iter(self._presets.values())))

    def _choose(self, name: str) -> Updates:
        preset = self._presets[name]
        chosen = self._controls.from_preset(preset, self._machine.model_for(preset))
        return chosen | {self._lesson: preset.lesson, self._problem: HINT}

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

    def _begin(self, values: dict[Any, Any], request: gr.Request) -> Updates:
        """Starts a run, or says what is wrong; whatever was shown stays until there is something new to show."""
        chat = self._presets[values[self._controls.preset]].chat
        try:
            run = self._runner.start(read_form(self._controls.form(values, chat), self._settings))
        except FormError as error:
            return {self._problem: wrong(error.field, error.sentence)}
        except SpecError as error:
            return {self._problem: wrong("run", sentence_of(error))}
        self._visits.enter(request.session_hash, run)
        return self._controls.locked() | {self._problem: HINT} | self._handed(None)

    def _stream(self, request: gr.Request) -> Iterator[Updates]:
        run = self._visits.run_of(request.session_hash)
        if run is None:
            yield {self._live: gr.skip()}
            return
        reader = run.reader()
        try:
            feed = Feed(reader.view)
            value = feed.start()
            yield {self._live: value}
            for _ in paced(reader, FRAME_S):
                value += feed.frame()
                yield {self._live: value}
            with _kept(reader.view) as paths:
                yield self._handed(paths)
        finally:
            self._visits.leave(request.session_hash, run)

    def _handed(self, paths: list[str] | None) -> Updates:
        """The download buttons with their files, or without any."""
        if paths is None:
            return {button: gr.update(interactive=False) for button in self._downloads}
        return {button: gr.update(value=path, interactive=True) for button, path in zip(self._downloads, paths, strict=True)}

    def _end(self, count: int) -> Updates:
        return self._controls.unlocked(count)

    def _stop(self, request: gr.Request) -> None:
        self._visits.cancel(request.session_hash)

    def _leave(self, request: gr.Request) -> None:
        self._visits.cancel(request.session_hash)


@contextmanager
def _kept(view: RunView) -> Iterator[list[str]]:
    """The recording and its tables as files, for as long as it takes to hand them over."""
    texts = {"json": view.recording().model_dump_json(indent=1), "csv": csv_text(view), "md": markdown_text(view)}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"latency-playground-{view.run_id}.{kind}" for kind in texts]
        for path, text in zip(paths, texts.values(), strict=True):
            path.write_text(text, encoding="utf-8", newline="")
        yield [str(path) for path in paths]
