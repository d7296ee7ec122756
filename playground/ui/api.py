"""The page's run as an API endpoint, `/run`: for `gradio_client`, scripts and benchmarks."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio as gr

from playground.errors import InputError
from playground.recordings.build import build_recording
from playground.recordings.writing import recording_document
from playground.runs.run import Reader
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.knobs import nested
from playground.spec.presets import Preset
from playground.spec.request import SETTINGS, RunRequest
from playground.timeline.state import RunState
from playground.ui.controls.form import checked, sentence_of
from playground.ui.visitors.caps import Caps

FRAME_S = 0.1
PARAMETERS: dict[str, Any] = {
    "lanes": list[str] | None,
    "prompts": list[str] | None,
    "preset": str | None,
    **{setting.parameter: setting.type | None for setting in SETTINGS},
    "model": str | None,
}
"""Of the endpoint: settings in the units a recording holds them in."""
HEARTBEAT_S = 0.25
"""A client that is never given a turn cannot say that it is gone."""


def add_endpoint(settings: Settings, runner: Runner, presets: Mapping[str, Preset], on_gpu: Callable[[], bool], caps: Caps) -> None:
    """Adds `/run` to the page being built."""

    def run(request: gr.Request, *values: Any) -> Iterator[dict[str, Any]]:
        """Runs lanes and streams where they are; the last message holds the whole recording under "recording".

        What is left out comes from the preset; without preset and lanes that is the first preset, with lanes alone the defaults
        of the command line (exclusive schedule, 64 tokens, one warm-up, one repeat). `until_width`: repeats are added until every
        lane's interval is narrower than this share of its ratio, or `until_limit_s` have passed.
        """
        given = {name: value for name, value in zip(PARAMETERS, values, strict=True) if value is not None and value != []}
        try:
            run_request = checked(_request(settings, presets, on_gpu, given), settings)
            started = caps.start(request, lambda: runner.start(run_request))
        except InputError as error:
            raise gr.Error(sentence_of(error), print_exception=False) from None
        reader = started.reader()
        try:
            for _ in paced(reader, FRAME_S):
                yield frame(reader.view)
            yield frame(reader.view) | {"recording": recording_document(build_recording(reader.view))}
        finally:
            started.cancel()

    shown: Any = run
    shown.__annotations__ = {"request": gr.Request, **PARAMETERS, "return": Iterator[dict[str, Any]]}
    shown.__signature__ = _signature(shown.__annotations__)
    gr.api(run, api_name="run", concurrency_limit=None)


def frame(view: RunState) -> dict[str, Any]:
    """Where a run is: light enough to be sent ten times a second."""
    lanes = [
        {
            "label": lane.label,
            "state": lane.state,
            "status": lane.status,
            "error": lane.error,
            "tokens": lane.current.tokens.longest if lane.current else 0,
            "texts": list(lane.texts),
        }
        for lane in view.lanes
    ]
    return {"status": view.status, "ahead": view.ahead, "expected_s": view.expected_s, "lanes": lanes}


def _signature(annotations: Mapping[str, Any]) -> inspect.Signature:
    """Of the endpoint: every parameter may be left out."""
    kind, empty = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    parameters = [
        inspect.Parameter(name, kind, annotation=annotation, default=None if name in PARAMETERS else empty)
        for name, annotation in annotations.items()
        if name != "return"
    ]
    return inspect.Signature(parameters, return_annotation=annotations["return"])


def _request(settings: Settings, presets: Mapping[str, Preset], on_gpu: Callable[[], bool], given: Mapping[str, Any]) -> RunRequest:
    fields = {name: given[name] for name in ("lanes", "model") if name in given}
    own = nested((setting, given[setting.parameter]) for setting in SETTINGS if setting.parameter in given)
    names = {"models": settings.models, "adapters": settings.adapters}
    name = given.get("preset") or ("" if "lanes" in given else next(iter(presets)))
    if name and name not in presets:
        raise InputError("preset", f"{name!r} is not known (allowed: {', '.join(presets)})")
    if not name:
        return RunRequest.build(**fields, **names, **own)
    preset = presets[name]
    merged = {group: getattr(preset, group).model_dump(exclude_unset=True) | values for group, values in own.items()}
    return preset.request(**names, on_gpu=preset.model_on_gpu is not None and on_gpu(), **fields, **merged)


def paced(
    reader: Reader, period_s: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Follows a run: yields when something is new, at most once a period; now and then when nothing is; and at its end."""
    while not reader.over:
        reader.catch_up(HEARTBEAT_S)
        began_s = clock()
        yield
        if not reader.over:
            sleep(max(0.0, period_s - (clock() - began_s)))
