"""A recording as JSON: its facts, and beside them what they come to, for other tools."""

from __future__ import annotations

import math
from typing import Any

from pydantic_core import to_json

from playground.analysis.comparison import comparison
from playground.analysis.measuring import measure
from playground.analysis.metrics import METRICS, lane_figure
from playground.recordings.replay import state_of
from playground.recordings.schema import DERIVED, Figures, LaneFigures, Recording
from playground.timeline.state import LaneState, RunState


def dump_recording(recording: Recording, indent: int | None = None) -> str:
    """The text of its file."""
    return to_json(recording_document(recording), indent=indent).decode()


def recording_document(recording: Recording) -> dict[str, Any]:
    """The same as plain JSON values."""
    return recording.model_dump(mode="json") | {DERIVED: figures_of(recording).model_dump(mode="json")}


def figures_of(recording: Recording) -> Figures:
    """By today's definitions, whatever wrote the recording."""
    view = state_of(recording)
    return Figures(lanes=tuple(_lane_figures(view, lane) for lane in view.lanes))


def _lane_figures(view: RunState, lane: LaneState) -> LaneFigures:
    return LaneFigures(
        label=lane.label,
        load_s=lane.load_s,
        load_kind=lane.load_kind,
        memory_bytes=lane.memory_bytes,
        memory=lane.memory,
        comparison=comparison(view, lane),
        metrics={key: _finite(lane_figure(view, lane, key).value) for key in METRICS},
        repeats=tuple(map(measure, lane.repeats)),
    )


def _finite(value: float | None) -> float | None:
    """JSON has no infinity: what a metric counts to and never comes is unknown."""
    return value if value is None or math.isfinite(value) else None
