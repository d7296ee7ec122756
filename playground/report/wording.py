"""What is happening, in words with a number: of a lane, of a run, of the machine."""

from __future__ import annotations

from collections.abc import Iterator

from playground.analysis.comparison import brief, comparison
from playground.analysis.measuring import Metrics, measure
from playground.analysis.metric import OfLane
from playground.analysis.metrics import METRICS, figure, lane_figure
from playground.analysis.stopping import widest_interval
from playground.formatting import about, count, duration, significant, size
from playground.report.figures import parts_words
from playground.report.loads import swap_words
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.state import LaneState, RunningRepeat, RunState

SCRIPTED = "scripted timeline, nothing is measured"


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
        return lane.status or _done(lane)  # what is said now is about comparing outputs
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


def compared_words(view: RunState, lane: LaneState) -> tuple[str, str]:
    """How the lane compares with the baseline: for its card, and as a sentence. Empty while there is nothing to say."""
    if len(view.lanes) == 1 or not lane.counted:
        return "", ""
    if (said := comparison(view, lane)) is None:
        return "baseline", "The other lanes are compared with this one"
    return brief(said), f"{said.verdict[:1].upper()}{said.verdict[1:]}"


def neighbour_words(view: RunState, lane: LaneState) -> str:
    """Of a contended lane: what its neighbours cost it."""
    times = lane_figure(view, lane, "slowdown").value if view.request.measure.schedule == "contended" else None
    return f"{significant(times)}× its time alone" if times is not None else ""


def lane_tag(request: RunRequest, lane: Lane) -> str:
    """Beside a lane's title: whether it would not say the same again."""
    return "not repeatable" if lane.decoding.sampled and request.measure.schedule == "contended" else ""


def memory_words(view: RunState, lane: LaneState) -> str:
    """What the lane's memory is made of; empty while only its weights are known."""
    of = METRICS["memory_bytes"].of
    return parts_words(view, lane, of.parts) if isinstance(of, OfLane) else ""


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
    """How the figures came about; stands beside every one of them. With a `view`, the repeats that count in it; else those asked for."""
    measure = request.measure
    length = "fixed length" if measure.fixed_length else "free length, at most"
    warmups = count(measure.warmup, "warm-up") if measure.warmup else "no warm-up"
    counted = _asked(request) if view is None else _counted(view)
    said = f"{counted} after {warmups} · {length} {count(measure.max_new_tokens, 'token')} · seed {measure.seed}"
    return " · ".join([SCHEDULES[measure.schedule], said, *_cautions(request)])


def _asked(request: RunRequest) -> str:
    measure = request.measure
    if measure.until is not None:
        return f"medians of {count(measure.repeats, 'repeat')} and of more until sure"
    return "1 repeat" if measure.repeats == 1 else f"median of {measure.repeats} repeats"


def _counted(view: RunState) -> str:
    """Lanes may differ: what was loaded just before its first repeat has a cold one, which counts only for want of others."""
    counted = [lane.counted for lane in view.lanes if lane.counted]
    few, many = (pick((len(repeats) for repeats in counted), default=0) for pick in (min, max))
    if not many:
        return _asked(view.request)
    cold = ", cold" if many == 1 and any(repeats[0].cold for repeats in counted) else ""
    left_out = any(lane.cold and not lane.cold.warmup and not lane.cold.alone and lane.cold not in lane.counted for lane in view.lanes)
    said = f"1 repeat{cold}" if many == 1 else f"median of {few if few == many else f'{few} to {many}'} repeats"
    return f"{said}{' (cold ones left out)' if left_out else ''}"


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


def environment_words(environment: Environment) -> str:
    """The machine in one line: device, threads, torch, memory that variants may use."""
    environment = next((one for one in environment.devices if one.engine != "scripted"), environment)
    if environment.engine == "scripted":
        return SCRIPTED[0].upper() + SCRIPTED[1:]
    parts = [environment.name or "unknown device"]
    if environment.threads:
        parts.append(count(environment.threads, "thread"))
    if torch := environment.versions.get("torch"):
        parts.append(f"torch {torch}")
    if environment.memory_budget_bytes:
        parts.append(f"{size(environment.memory_budget_bytes)} for variants")
    return " · ".join(parts)
