"""What is happening on a lane, in words with a number."""

from __future__ import annotations

from playground.analysis.breakdown import Breakdown
from playground.analysis.measuring import Metrics, measure
from playground.analysis.metric import OfLane
from playground.analysis.metrics import METRICS
from playground.formatting import count, duration
from playground.report.figures import parts_words
from playground.report.loads import swap_words
from playground.report.wording.run import place_words
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.state import LaneState, RunningRepeat, RunState


def lane_name(view: RunState, lane: LaneState) -> str:
    """The label; labels may repeat, and then a lane is known by its number."""
    twin = sum(one.label == lane.label for one in view.lanes) > 1
    return f"lane {lane.index + 1} ({lane.label})" if twin else lane.label


def lane_words(view: RunState, lane: LaneState, live: Metrics) -> str:
    """One lane, now. `live`: its figures so far."""
    match lane.state:
        case "failed":
            return f"failed: {lane.error}"
        case "done":
            return lane.status or _done(lane)
        case "loading":
            return lane.status or "loading"
        case "running" if lane.current is not None:
            return _running(view, lane, lane.current, live)
        case _:
            return _waiting(view, lane)


def _waiting(view: RunState, lane: LaneState) -> str:
    if view.status == "waiting":
        return f"waiting, {place_words(view)}" if view.ahead else "starting"
    finished = len(lane.repeats)
    total = view.request.measure.passes()
    if finished >= total:
        return lane.status or _done(lane)  # the status is of comparing outputs now
    if finished:
        return f"between turns, {finished} of {total} passes done"
    return swap_words(lane) or "waiting for its turn"


def _running(view: RunState, lane: LaneState, current: RunningRepeat, live: Metrics) -> str:
    which = "warm-up, not counted: " if current.warmup else _repeat(view, current)
    if not current.steps:
        return f"{which}first token…"
    most = view.request.measure.max_new_tokens
    if lane.lane.decoding.revises:
        return f"{which}revising, step {len(current.steps)} of {most}, {duration(live.step_s)} a step"
    pace = f", {duration(live.tpot_s)} a token" if live.tpot_s is not None else ""
    return f"{which}token {current.tokens.longest} of {most}{pace}"


def _repeat(view: RunState, current: RunningRepeat) -> str:
    measure = view.request.measure
    which = f"repeat {current.number - measure.warmup + 1} of {measure.repeats}" if measure.repeats > 1 else ""
    parts = [part for part in (which, "alone" if current.alone else "") if part]
    return f"{', '.join(parts)}: " if parts else ""


def _done(lane: LaneState) -> str:
    if not lane.counted:
        return "stopped before a counted repeat"
    last = lane.counted[-1]
    tokens = count(sum(len(row) for row in last.output_ids), "token")
    if "timeout" in last.finish:
        return f"timed out after {tokens}"
    return f"done, {tokens} in {duration(measure(last).e2e_s)}"


def short_label(lane: Lane, baseline: Lane) -> str:
    """What of a lane differs from the baseline; the whole label when nothing does."""
    variant = "" if lane.variant == baseline.variant else str(lane.variant)
    decoding = "" if lane.decoding == baseline.decoding else str(lane.decoding)
    batch = "" if lane.batch == baseline.batch else f"@{lane.batch}"
    separator = "/" if variant and decoding else ""
    return f"{variant}{separator}{decoding}{batch}" or str(lane)


def lane_tag(request: RunRequest, lane: Lane) -> str:
    """Beside a lane's title: that another run would not give the same text."""
    return "not repeatable" if lane.decoding.sampled and request.measure.schedule == "contended" else ""


def memory_words(view: RunState, lane: LaneState) -> str:
    """What the lane's memory is made of; empty while only its weights are known."""
    of = METRICS["memory_bytes"].of
    return parts_words(view, lane, of.parts) if isinstance(of, OfLane) else ""


def breakdown_words(found: Breakdown) -> str:
    """Which repeat it is of."""
    match found.repeats:
        case 0:
            return "so far"
        case 1:
            return "in one repeat"
        case several:
            return f"in that of {several} repeats whose E2E is the median" + (
                ", the lower of the two middle ones" if several % 2 == 0 else ""
            )
