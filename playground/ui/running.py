"""Runs, as the page has them: begun, shown, made sure, handed over as files, watched by others. Handlers parse, call and render."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from playground.errors import InputError
from playground.recordings.build import build_recording
from playground.recordings.writing import dump_recording
from playground.report.csv import csv_text
from playground.report.markdown import markdown_text
from playground.report.wording.run import more_words
from playground.runs.run import Run
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.presets import Preset
from playground.timeline.state import RunState
from playground.ui.compare.compare import CLEARED, compared, kept_as_it_was
from playground.ui.controls.controls import HINT, Controls, Updates
from playground.ui.controls.form import FormError, checked, read_form, sentence_of
from playground.ui.live.feed import LEFT, following
from playground.ui.live.streams import Streams
from playground.ui.message import wrong
from playground.ui.visitors.caps import Caps
from playground.ui.visitors.visits import Visits
from playground.ui.visitors.watch import NOTHING, WATCHING, Watchers, title_script

MORE = 4
"""Repeats that "make it sure" adds: with the first one, the fewest whose median says something."""
DOWNLOADS = {"download": "Recording as JSON", "download-csv": "CSV", "download-md": "Markdown"}
"""The buttons' ids and titles, in the order of the files of `_kept`."""
HEARTBEAT_S = 1.0
"""A handler that is never given a turn cannot be told that its tab was closed. Each turn costs Gradio a message, and a class may wait."""
INTERNAL: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
STREAMING: dict[str, Any] = INTERNAL | {"queue": True, "concurrency_limit": None, "scroll_to_output": False}


@dataclass(frozen=True, slots=True)
class Results:
    """The components that runs fill."""

    watch: Any
    live: Any
    lesson: Any
    more: Any
    downloads: tuple[Any, ...]
    compare: Any


class Running:
    """What happens on each event that has to do with runs."""

    def __init__(
        self,
        settings: Settings,
        runner: Runner,
        presets: Mapping[str, Preset],
        caps: Caps,
        streams: Streams,
        controls: Controls,
        results: Results,
    ) -> None:
        self._settings, self._runner, self._presets, self._caps, self._streams = settings, runner, presets, caps, streams
        self._controls, self._results = controls, results
        self._visits, self._watchers = Visits(), Watchers(runner, streams)

    def wire(self, demo: Any) -> list[Any]:
        """Returns what happens last when a run has ended, to be followed by others."""
        controls, results = self._controls, self._results
        after = [*results.downloads, results.more, results.watch, results.compare]
        ends = []
        for button, begin, inputs in ((controls.run, self._begin, controls.inputs()), (results.more, self._begin_more, None)):
            started = button.click(begin, inputs, [*controls.outputs(), *after], **INTERNAL)
            streamed = started.then(self._stream, None, [results.live, *results.downloads, results.more], **STREAMING)
            ends.append(streamed.then(self._end, controls.count, [*controls.outputs(), results.watch], **INTERNAL))
        demo.load(None, None, None, js=title_script(), show_progress="hidden")
        watched = results.watch.click(self._begin_watching, None, [controls.stop, results.watch, controls.fresh], **INTERNAL)
        watched = watched.then(self._stream_watched, None, [results.live, controls.problem], **STREAMING)
        ends.append(watched.then(self._end_watching, None, [controls.stop, results.watch, controls.problem, results.live], **INTERNAL))
        results.compare.input(self._compare, None, [results.compare, controls.problem], **STREAMING | {"concurrency_limit": 1})
        controls.stop.click(self._stop, None, None, trigger_mode="multiple", **INTERNAL)
        demo.unload(self._leave)
        return ends

    def _begin(self, values: dict[Any, Any], request: gr.Request) -> Updates:
        """Starts a run, or says what is wrong; whatever was shown stays until there is something new to show."""
        preset = self._presets[values[self._controls.preset]]
        try:
            run_request = read_form(self._controls.form(values, preset), self._settings, preset.published)
            run = self._caps.start(request, lambda: self._runner.start(run_request))
        except FormError as error:
            return {self._controls.problem: wrong(error.field, error.sentence)}
        except InputError as error:
            return {self._controls.problem: wrong("run", sentence_of(error))}
        return self._entered(run, request.session_hash)

    def _begin_more(self, request: gr.Request) -> Updates:
        """More repeats of the page's last run, whatever the controls say by now."""
        finished = self._visits.finished(request.session_hash)
        if finished is None:
            return {self._controls.problem: wrong("more", "There is no finished run of this page to go on from; press Run")}
        try:
            checked(finished.request.longer(MORE), self._settings)
            run = self._caps.start(request, lambda: self._runner.more(finished, MORE))
        except InputError as error:
            return {self._controls.problem: wrong("more", sentence_of(error))}
        return self._entered(run, request.session_hash)

    def _entered(self, run: Run, session: str) -> Updates:
        self._visits.enter(session, run)
        self._watchers.leave(session)
        off = dict.fromkeys((*self._results.downloads, self._results.more, self._results.watch), gr.update(interactive=False))
        cleared = {self._controls.problem: HINT, self._controls.fresh: False, self._results.compare: CLEARED}
        return self._controls.locked() | cleared | off

    def _stream(self, request: gr.Request) -> Iterator[Updates]:
        """Opens the live view's stream and stays until the run is over: a closed tab ends this, and with it the run."""
        run = self._visits.run_of(request.session_hash)
        if run is None:
            yield {self._results.live: gr.skip()}
            return
        try:
            yield {self._results.live: following(self._streams.open(run))}
            while not run.wait_quiet(HEARTBEAT_S):
                yield {self._results.live: gr.skip()}
            view = run.reader().to_the_end()
            with _kept(view) as paths:
                files = zip(self._results.downloads, paths, strict=True)
                handed = {button: gr.update(value=path, interactive=True) for button, path in files}
                yield handed | {self._results.more: self._offer(run, view, request.session_hash)}
        finally:
            self._visits.leave(request.session_hash, run)

    def _offer(self, run: Run, view: RunState, session: str) -> Any:
        """The offer to go on from a run, if it can."""
        can = view.status == "done" and not all(lane.error for lane in view.lanes)
        if can:
            self._visits.keep(session, run)
        return gr.update(value=more_words(view, MORE), interactive=can)

    def _end(self, count: int, request: gr.Request) -> Updates:
        return self._controls.unlocked(count) | self._stop_and_watch(request.session_hash)

    def _begin_watching(self, request: gr.Request) -> Updates:
        if self._settings.watch and self._visits.run_of(request.session_hash) is None:
            self._watchers.enter(request.session_hash)
        return self._stop_and_watch(request.session_hash) | {self._controls.fresh: False}

    def _stream_watched(self, request: gr.Request) -> Iterator[Updates]:
        yield {self._results.live: gr.skip()}
        for value in self._watchers.stream(request.session_hash):
            match value:
                case None:
                    yield {self._controls.problem: NOTHING}
                case "":
                    yield {self._controls.problem: gr.skip()}
                case _:
                    yield {self._results.live: value, self._controls.problem: WATCHING}

    def _end_watching(self, request: gr.Request) -> Updates:
        """Their own run, begun while they watched, is shown instead; else the view is told that nothing follows."""
        session = request.session_hash
        live = gr.skip() if self._visits.run_of(session) is not None else LEFT
        return self._stop_and_watch(session) | {self._controls.problem: HINT, self._results.live: live}

    def _stop_and_watch(self, session: str) -> Updates:
        running, watching = self._visits.run_of(session) is not None, self._watchers.is_in(session)
        return {
            self._controls.stop: gr.update(interactive=running or watching),
            self._results.watch: gr.update(interactive=not (running or watching)),
        }

    def _compare(self, given: gr.EventData, request: gr.Request) -> Updates:
        """The page's last finished run against a recording that was picked; a file that is none takes nothing away."""
        finished = self._visits.finished(request.session_hash)
        try:
            if finished is None:
                raise InputError("run", "There is no finished run of this page to compare with; press Run first")
            found = compared(str(getattr(given, "text", "")), str(getattr(given, "name", "")), finished.reader().to_the_end())
        except InputError as error:
            return {self._results.compare: kept_as_it_was(), self._controls.problem: wrong("compare", sentence_of(error), focus=False)}
        return {self._results.compare: found, self._controls.problem: HINT}

    def _stop(self, request: gr.Request) -> None:
        self._visits.cancel(request.session_hash)
        self._watchers.leave(request.session_hash)

    def _leave(self, request: gr.Request) -> None:
        self._visits.forget(request.session_hash)
        self._watchers.leave(request.session_hash)


@contextmanager
def _kept(view: RunState) -> Iterator[list[str]]:
    """The recording and its tables as files, for as long as it takes to hand them over."""
    texts = {"json": dump_recording(build_recording(view), indent=1), "csv": csv_text(view), "md": markdown_text(view)}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"latency-playground-{view.run_id}.{kind}" for kind in texts]
        for path, text in zip(paths, texts.values(), strict=True):
            path.write_text(text, encoding="utf-8", newline="")
        yield [str(path) for path in paths]
