"""What is happening with a run, and how its figures came about, in words with a number."""

from __future__ import annotations

from collections.abc import Iterator

from playground.analysis.metrics import figure
from playground.analysis.stopping import widest_interval
from playground.formatting import about, count, significant
from playground.report.wording.machine import SCRIPTED, environment_words
from playground.spec.request import RunRequest
from playground.timeline.state import RunState


def place_words(view: RunState) -> str:
    """Where a waiting run stands."""
    ahead = f"{count(view.ahead, 'run')} ahead"
    return ahead if view.expected_s is None else f"{ahead}, {about(view.expected_s)}"


def run_words(view: RunState) -> str:
    """The run, now."""
    match view.status:
        case "waiting":
            return f"Waiting, {place_words(view)}" if view.ahead else "Starting"
        case "running":
            return ", ".join(["Running", *_slower_than_life(view)])
        case "cancelled":
            return "Stopped; figures are of what was finished"
        case "done":
            failed = sum(lane.state == "failed" for lane in view.lanes)
            return f"Done, {failed} of {count(len(view.lanes), 'lane')} failed" if failed else "Done"


def _slower_than_life(view: RunState) -> list[str]:
    """Lanes that take turns; contended ones run as fast as they can."""
    slowdown = view.slowdown() or 1
    return [f"shown {slowdown:.0f}× slower than life"] if slowdown >= 1.5 else []


def until_words(view: RunState) -> str:
    """Of a run that goes on until it is sure: how far it is from that."""
    until, widest = view.request.measure.until, widest_interval(view)
    if until is None or widest is None or view.status != "running":
        return ""
    wished, seen = (f"{significant(100 * share, 2)} %" for share in (until.width, widest))
    return f"Repeats are added until sure, {until.limit_s:g} s at most: the widest interval is {seen} of its ratio, {wished} wished."


def more_words(view: RunState, repeats: int) -> str:
    """The offer to repeat a finished run's lanes so many more times; the lanes share the device, so their times add up."""
    each = [seconds for lane in view.lanes if not lane.error and (seconds := figure(lane, "e2e_s")) is not None]
    expected = f", {about(repeats * sum(each))}" if each else ""
    return f"Make it sure: {count(repeats, 'more repeat')}{expected}"


SCHEDULES = {
    "exclusive": "exclusive, one lane after the other",
    "interleaved": "interleaved, each lane’s own clock",
    "contended": "contended, all lanes at once",
}


def measure_words(request: RunRequest, view: RunState | None = None) -> str:
    """How the figures came about; stands beside every one of them. With a `view`: of the repeats that count in it; else as planned."""
    measure = request.measure
    length = "fixed length" if measure.fixed_length else "free length, at most"
    warmups = count(measure.warmup, "warm-up") if measure.warmup else "no warm-up"
    counted = _planned(request) if view is None else _counted(view)
    counts = f"{counted} after {warmups} · {length} {count(measure.max_new_tokens, 'token')} · seed {measure.seed}"
    return " · ".join([SCHEDULES[measure.schedule], counts, *_cautions(request)])


def _planned(request: RunRequest) -> str:
    measure = request.measure
    if measure.until is not None:
        return f"medians of {count(measure.repeats, 'repeat')} and of more until sure"
    return "1 repeat" if measure.repeats == 1 else f"median of {measure.repeats} repeats"


def _counted(view: RunState) -> str:
    """Lanes may differ: what was loaded just before its first repeat has a cold one, which counts only for want of others."""
    counted = [lane.counted for lane in view.lanes if lane.counted]
    few, many = (pick(map(len, counted), default=0) for pick in (min, max))
    if not many:
        return _planned(view.request)
    cold = ", cold" if many == 1 and any(lane[0].cold for lane in counted) else ""
    left_out = any(lane.cold and not lane.cold.warmup and not lane.cold.alone and lane.cold not in lane.counted for lane in view.lanes)
    repeats = f"1 repeat{cold}" if many == 1 else f"median of {few if few == many else f'{few} to {many}'} repeats"
    return f"{repeats}{' (cold ones left out)' if left_out else ''}"


def _cautions(request: RunRequest) -> Iterator[str]:
    """What of this way to measure must be known to read the figures."""
    measure, lanes = request.measure, request.lanes
    if measure.schedule == "exclusive" and len(lanes) > 1 and measure.repeats > 1 and measure.repeats % 2:
        yield "the last repeat is unbalanced (an odd number)"
    if measure.schedule == "contended" and any(lane.decoding.sampled for lane in lanes):
        yield "sampled lanes are not repeatable"


def caption(view: RunState) -> str:
    """How the figures came about, and where."""
    stopped = ["stopped before the end"] if view.status == "cancelled" else []
    machine = [] if view.environment.empty else [environment_words(view.environment)]
    made_up = [words] if (words := scripted_words(view)) not in ("", SCRIPTED) else []  # of a run that is all a script the machine says it
    return " · ".join([measure_words(view.request, view), f"model {view.request.model}", *machine, *made_up, *stopped])


def scripted_words(view: RunState) -> str:
    """That nothing of the run is measured, or which of its lanes are not; empty when all are."""
    if {one.engine for one in view.environment.devices} == {"scripted"}:
        return SCRIPTED
    made_up = [lane.label for lane in view.lanes if lane.facts.scripted]
    return f"{', '.join(made_up)}: {SCRIPTED}" if made_up else ""
