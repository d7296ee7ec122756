"""The page's run as an API endpoint, `/run`: for `gradio_client`, scripts and benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio as gr

from playground.errors import InputError
from playground.recordings.build import build_recording
from playground.runs.runner import Reader, Runner
from playground.settings import Settings
from playground.spec.presets import Preset
from playground.spec.request import RunRequest
from playground.timeline.state import RunState
from playground.ui.controls.form import checked, sentence_of
from playground.ui.visitors.caps import Caps

FRAME_S = 0.1
HEARTBEAT_S = 0.25
"""A client that is never given a turn cannot say that it is gone."""


def add_endpoint(settings: Settings, runner: Runner, presets: Mapping[str, Preset], on_gpu: Callable[[], bool], caps: Caps) -> None:
    """Adds `/run` to the page being built."""

    def run(
        request: gr.Request,
        lanes: list[str] | None = None,
        prompts: list[str] | None = None,
        preset: str = "",
        system: str | None = None,
        max_new_tokens: int | None = None,
        fixed_length: bool | None = None,
        schedule: str | None = None,
        warmup: int | None = None,
        repeats: int | None = None,
        seed: int | None = None,
        threads: int | None = None,
        agreement: bool | None = None,
        quantum_s: float | None = None,
        until_width: float | None = None,
        until_limit_s: float | None = None,
        model: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Runs lanes and streams where they are; the last message holds the whole recording under "recording".

        What is left out comes from the preset; without preset and lanes that is the first preset, with lanes alone the defaults
        of the command line (exclusive schedule, 64 tokens, one warm-up, one repeat). `until_width`: repeats are added until every
        lane's interval is narrower than this share of its ratio, or `until_limit_s` have passed.
        """
        until = {name: value for name, value in (("width", until_width), ("limit_s", until_limit_s)) if value is not None}
        measure = {
            "max_new_tokens": max_new_tokens,
            "fixed_length": fixed_length,
            "schedule": schedule,
            "warmup": warmup,
            "repeats": repeats,
            "seed": seed,
            "threads": threads,
            "agreement": agreement,
            "quantum_s": quantum_s,
            "until": until or None,
        }
        fields = {"lanes": lanes, "prompts": prompts, "system": system, "model": model}
        try:
            wanted = checked(_request(settings, presets, on_gpu, preset, _given(fields), _given(measure)), settings)
            started = caps.start(request, lambda: runner.start(wanted))
        except InputError as error:
            raise gr.Error(sentence_of(error), print_exception=False) from None
        reader = started.reader()
        try:
            for _ in paced(reader, FRAME_S):
                yield frame(reader.view)
            yield frame(reader.view) | {"recording": build_recording(reader.view).model_dump(mode="json")}
        finally:
            started.cancel()

    gr.api(run, api_name="run", concurrency_limit=None)


def frame(view: RunState) -> dict[str, Any]:
    """Where a run is: light enough to be sent ten times a second."""
    lanes = [
        {
            "label": lane.label,
            "state": lane.state,
            "status": lane.status,
            "error": lane.error,
            "tokens": len(lane.current.steps) if lane.current else 0,
            "texts": list(lane.texts),
        }
        for lane in view.lanes
    ]
    return {"status": view.status, "ahead": view.ahead, "expected_s": view.expected_s, "lanes": lanes}


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != []}


def _request(
    settings: Settings,
    presets: Mapping[str, Preset],
    on_gpu: Callable[[], bool],
    name: str,
    fields: dict[str, Any],
    measure: dict[str, Any],
) -> RunRequest:
    names = {"models": settings.models, "adapters": settings.adapters}
    if not name and "lanes" not in fields:
        name = next(iter(presets))
    if name and name not in presets:
        raise InputError("preset", f"{name!r} is not known (allowed: {', '.join(presets)})")
    if not name:
        return RunRequest.build(**fields | names, measure=measure)
    preset = presets[name]
    merged = preset.measure.model_dump(exclude_unset=True) | measure
    return preset.request(**names, on_gpu=preset.model_on_gpu is not None and on_gpu(), **fields, measure=merged)


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
