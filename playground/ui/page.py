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
from playground.presets import Preset
from playground.runner import Run, Runner
from playground.settings import Settings
from playground.spec import SpecError
from playground.ui.api import add_endpoint
from playground.ui.caps import Caps
from playground.ui.controls import Controls, Updates, add_controls, next_lane
from playground.ui.feed import Feed
from playground.ui.form import FormError, checked, read_form, sentence_of
from playground.ui.line import line, wrong
from playground.ui.live import live_view, paced
from playground.ui.look import serve_plotly
from playground.ui.machine import Machine
from playground.ui.visits import Visits
from playground.ui.watch import NOTHING, WATCHING, Watchers, title_script, watch_button
from playground.view import RunView
from playground.words import more_words

FRAME_S = 0.05
MORE = 4
"""Repeats that "make it sure" adds: with the first one, the fewest whose median says something."""
HINT = "A lane: precision[options]+adapter/decoding(parameters)@batch, such as nf4[double_quant=true]/top_p(p=0.9)@4"
INTERNAL: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build(settings: Settings, fleet: Fleet, runner: Runner, presets: Mapping[str, Preset]) -> Any:
    """The page, not yet served. Starts no engine."""
    machine = Machine(fleet, settings)
    with gr.Blocks(title="Latency Playground", analytics_enabled=False, fill_width=True, delete_cache=(3600, 24 * 3600)) as demo:
        with gr.Row(elem_id="top"):
            gr.HTML("<h1>Latency Playground</h1>", apply_default_css=False, elem_id="title")
            device = line("The device is starting", "device")
            watch = watch_button(settings.watch)
        controls = add_controls(settings, presets)
        caps = Caps(settings)
        page = _Page(settings, runner, presets, machine, caps, controls, watch, *_results(settings, presets))
        page.wire(demo, device)
        add_endpoint(settings, runner, presets, machine.on_gpu, caps)
    return demo


def _results(settings: Settings, presets: Mapping[str, Preset]) -> tuple[Any, Any, Any, Any, Any]:
    preset = next(iter(presets.values()))
    problem = line(HINT, "problem", role="alert")
    live = live_view(_idle(preset, settings), serve_plotly(settings.cache_dir))
    with gr.Row(elem_id="after"):
        lesson = line(preset.lesson, "lesson")
        more = gr.Button("Make it sure", size="sm", interactive=False, elem_id="more")
        download = gr.DownloadButton("Recording as JSON", size="sm", interactive=False, elem_id="download")
    return problem, live, lesson, more, download


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
        caps: Caps,
        controls: Controls,
        watch: Any,
        problem: Any,
        live: Any,
        lesson: Any,
        more: Any,
        download: Any,
    ) -> None:
        self._settings, self._runner, self._presets, self._machine = settings, runner, presets, machine
        self._controls, self._problem, self._live, self._lesson, self._download = controls, problem, live, lesson, download
        self._caps, self._watch, self._more = caps, watch, more
        self._visits, self._watchers = Visits(), Watchers(runner, FRAME_S)

    def wire(self, demo: Any, device: Any) -> None:
        controls = self._controls
        demo.load(self._machine.words, None, device, **INTERNAL | {"queue": True}, concurrency_limit=None)
        demo.load(self._first_model, None, controls.model, **INTERNAL | {"queue": True}, concurrency_limit=None)
        demo.unload(self._leave)
        controls.preset.input(self._choose, controls.preset, [*controls.outputs(), self._lesson, self._problem], **INTERNAL)
        controls.add.click(self._add_lane, controls.inputs(), controls.outputs(), **INTERNAL)
        for index, lane in enumerate(controls.lanes):
            lane.remove.click(self._remove_lane(index), controls.inputs(), controls.outputs(), **INTERNAL)
        after = [self._problem, self._download, self._more, self._watch]
        streaming: dict[str, Any] = INTERNAL | {"queue": True, "concurrency_limit": None, "scroll_to_output": False}
        for button, begin, inputs in ((controls.run, self._begin, controls.inputs()), (self._more, self._begin_more, None)):
            started = button.click(begin, inputs, [*controls.outputs(), *after], **INTERNAL)
            streamed = started.then(self._stream, None, [self._live, self._download, self._more], **streaming)
            streamed.then(self._end, controls.count, [*controls.outputs(), self._watch], **INTERNAL)
        demo.load(None, None, None, js=title_script())
        watched = self._watch.click(self._begin_watching, None, [controls.stop, self._watch], **INTERNAL)
        watched = watched.then(self._stream_watched, None, [self._live, self._problem], **streaming)
        watched.then(self._end_watching, None, [controls.stop, self._watch, self._problem], **INTERNAL)
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
            wanted = read_form(self._controls.form(values, chat), self._settings)
            run = self._caps.start(request, lambda: self._runner.start(wanted))
        except FormError as error:
            return {self._problem: wrong(error.field, error.sentence)}
        except SpecError as error:
            return {self._problem: wrong("run", sentence_of(error))}
        return self._entered(run, request.session_hash)

    def _begin_more(self, request: gr.Request) -> Updates:
        """More repeats of the page's last run, whatever the controls say by now."""
        finished = self._visits.finished(request.session_hash)
        if finished is None:
            return {self._problem: wrong("more", "There is no finished run of this page to go on from; press Run")}
        try:
            checked(finished.request.longer(MORE), self._settings)
            run = self._caps.start(request, lambda: self._runner.more(finished, MORE))
        except SpecError as error:
            return {self._problem: wrong("more", sentence_of(error))}
        return self._entered(run, request.session_hash)

    def _entered(self, run: Run, session: str) -> Updates:
        self._visits.enter(session, run)
        self._watchers.leave(session)
        off = dict.fromkeys((self._download, self._more, self._watch), gr.update(interactive=False))
        return self._controls.locked() | {self._problem: HINT} | off

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
            with _kept(reader.view) as path:
                yield {self._download: gr.update(value=path, interactive=True), self._more: self._offer(run, reader.view, request)}
        finally:
            self._visits.leave(request.session_hash, run)

    def _offer(self, run: Run, view: RunView, request: gr.Request) -> Any:
        """The offer to go on from a run, if it can."""
        can = view.status == "done" and not all(lane.error for lane in view.lanes)
        if can:
            self._visits.keep(request.session_hash, run)
        return gr.update(value=more_words(view, MORE), interactive=can)

    def _end(self, count: int, request: gr.Request) -> Updates:
        return self._controls.unlocked(count) | self._stop_and_watch(request.session_hash)

    def _begin_watching(self, request: gr.Request) -> Updates:
        if self._settings.watch and self._visits.run_of(request.session_hash) is None:
            self._watchers.enter(request.session_hash)
        return self._stop_and_watch(request.session_hash)

    def _stream_watched(self, request: gr.Request) -> Iterator[Updates]:
        yield {self._live: gr.skip()}
        for value in self._watchers.stream(request.session_hash):
            yield {self._problem: NOTHING} if value is None else {self._live: value, self._problem: WATCHING}

    def _end_watching(self, request: gr.Request) -> Updates:
        return self._stop_and_watch(request.session_hash) | {self._problem: HINT}

    def _stop_and_watch(self, session: str) -> Updates:
        running, watching = self._visits.run_of(session) is not None, self._watchers.is_in(session)
        return {
            self._controls.stop: gr.update(interactive=running or watching),
            self._watch: gr.update(interactive=not (running or watching)),
        }

    def _stop(self, request: gr.Request) -> None:
        self._visits.cancel(request.session_hash)
        self._watchers.leave(request.session_hash)

    def _leave(self, request: gr.Request) -> None:
        self._visits.forget(request.session_hash)
        self._watchers.leave(request.session_hash)


@contextmanager
def _kept(view: RunView) -> Iterator[str]:
    """The recording as a file, for as long as it takes to hand it over."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"latency-playground-{view.run_id}.json"
        path.write_text(view.recording().model_dump_json(indent=1), encoding="utf-8")
        yield str(path)
