"""A run in one line of plain words: which lane is fastest, by how much, in what. Pure.

From two repeats on it is the interval of the paired ratio (see stats.py) that tells two lanes apart: those whose interval leaves 1 out.
Lanes are called about as fast only when the intervals also leave out more than 5 % of difference; else so many repeats
do not tell them apart. Each comparison stands by itself: of many lanes one in twenty may be told apart by chance. One repeat has no
interval: lanes are called alike then when they differ by less than 5 % (time to first token, which is a single event a repeat: 10 %), and
what it shows is marked as from one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from playground.analysis.comparison import comparison, differs, paired
from playground.analysis.metrics import figure
from playground.analysis.stopping import unsure
from playground.formatting import between, count, duration, rate, ratio, share, size
from playground.report.figures import interval_words
from playground.report.wording.comparison import comparison_sentence
from playground.report.wording.lane import lane_name
from playground.timeline.state import LaneState, RunState

ALIKE = 0.05
ALIKE_FIRST = 0.10
LESS_MEMORY = 0.95
"""Only a lane below this share of the baseline's memory is worth naming for it."""

Pace = Literal["tpot_s", "e2e_s"]


def verdict(view: RunState) -> str:
    """The line; empty before the run has ended."""
    if view.status not in ("done", "cancelled"):
        return ""
    measured = [lane for lane in view.lanes if lane.state != "failed" and figure(lane, "ttft_s") is not None]
    pace: Pace = "tpot_s" if all(figure(lane, "tpot_s") is not None for lane in measured) else "e2e_s"
    if pace == "e2e_s":
        measured = [lane for lane in measured if not lane.cut_short]
    if not measured:
        stopped = "Stopped before there was anything to compare." if view.status == "cancelled" else "Nothing was measured."
        return " ".join([stopped, *_failures(view)])
    race = _Race(view, measured, pace)
    parts = [_alone(race)] if len(measured) == 1 else [_fastest(race), _first(race), _most(race), _least_memory(race), _agreement(race)]
    return " ".join(["; ".join(part for part in parts if part) + ".", *_lengths(race), *_failures(view), *_basis(race), *_unsure(view)])


def lane_verdicts(view: RunState) -> list[str]:
    """A line for each lane but the baseline: how it compares with it; none before the run has ended, or of one lane."""
    if view.status not in ("done", "cancelled"):
        return []
    compared = [(lane, comparison(view, lane)) for lane in view.lanes if lane.state != "failed"]
    return [f"{lane_name(view, lane)}: {comparison_sentence(view, lane, found)}" for lane, found in compared if found is not None]


@dataclass(frozen=True, slots=True)
class _Race:
    """The lanes that have figures, and the figure that says who is fast."""

    view: RunState
    lanes: list[LaneState]
    pace: Pace

    @property
    def baseline(self) -> LaneState | None:
        """None if it has no figures."""
        return next((lane for lane in self.lanes if lane is self.view.baseline), None)

    def alike(self, metric: str, margin: float, highest: bool = False) -> list[LaneState]:
        """The best lane of a metric and those that are about as good, best first; empty if a lane's is unknown."""
        values = {lane.index: figure(lane, metric) for lane in self.lanes}
        known = {index: value for index, value in values.items() if value is not None}
        if len(known) < len(values):
            return []
        ranked = sorted(self.lanes, key=lambda lane: known[lane.index], reverse=highest)
        return [lane for lane in ranked if lane is ranked[0] or self._alike(lane, ranked[0], metric, margin)]

    def _alike(self, one: LaneState, other: LaneState, metric: str, margin: float) -> bool:
        found = paired(self.view, one, other, metric)
        if found is None:
            return False
        return not differs(found) if found.ratio.ends else _within((found.ratio.value,), margin)

    def close(self, lanes: Sequence[LaneState], margin: float) -> bool:
        """Whether the intervals leave out that any of these differs from the first by more, in the race's figure."""
        found = [paired(self.view, lane, lanes[0], self.pace) for lane in lanes[1:]]
        return all(one is not None and _within(one.ratio.ends or (one.ratio.value,), margin) for one in found)

    def pairs(self, lanes: Sequence[LaneState]) -> int:
        found = [paired(self.view, lane, lanes[0], self.pace) for lane in lanes[1:]]
        return min((one.pairs for one in found if one is not None), default=0)

    def multiple(self, lane: LaneState, metric: str, interval: bool = False) -> str:
        """`0.687× lane 1’s`; empty without a baseline's figure."""
        found = None if self.baseline is None else paired(self.view, lane, self.baseline, metric)
        if self.baseline is None or found is None:
            return ""
        ends = f" {words}" if interval and (words := interval_words(found.ratio)) else ""
        return f"{ratio(found.ratio.value, 1.0)} lane {self.baseline.index + 1}’s{ends}"


def _within(ratios: Sequence[float], margin: float) -> bool:
    return all(max(one, 1 / one) <= 1 + margin for one in ratios)


def _names(view: RunState, lanes: Sequence[LaneState]) -> str:
    names = [lane_name(view, lane) for lane in lanes]
    if len(names) > 3:
        return f"{len(names)} lanes"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _range(lanes: Sequence[LaneState], metric: str) -> str:
    values = [value for lane in lanes if (value := figure(lane, metric)) is not None]
    show = rate if metric.endswith("tokens_per_s") else duration
    return between(show(min(values)), show(max(values)))


def _unit(race: _Race) -> str:
    """What the times of the race are of."""
    if race.pace == "tpot_s":
        batches = any(lane.lane.batch > 1 for lane in race.lanes)
        return "a token of each row (TPOT)" if batches else "a token (TPOT)"
    beams = any(lane.lane.decoding.revises for lane in race.lanes)
    return f"for the whole answer (E2E; {'beam search' if beams else 'an answer of one token'} has no TPOT)"


def _alone(race: _Race) -> str:
    """The only lane with figures."""
    (lane,) = race.lanes
    who, ttft, e2e = lane_name(race.view, lane), duration(figure(lane, "ttft_s")), duration(figure(lane, "e2e_s"))
    memory = f", holding {size(lane.memory_bytes)}" if lane.memory_bytes is not None else ""
    if race.pace == "e2e_s":
        return f"{who} takes {e2e} {_unit(race)}{memory}"
    whole = "" if lane.cut_short else f" and {e2e} for the whole answer (E2E)"
    rows = f", {rate(figure(lane, 'decode_tokens_per_s'))} of all {lane.lane.batch} rows together" if lane.lane.batch > 1 else ""
    return f"{who} takes {ttft} to its first token (TTFT), then {_range([lane], 'tpot_s')} {_unit(race)}{rows}{whole}{memory}"


def _fastest(race: _Race) -> str:
    """Who is fastest, in the race's figure, and how that compares with the baseline."""
    leaders = race.alike(race.pace, ALIKE)
    times = f"{_range(leaders, race.pace)} {_unit(race)}"
    if len(leaders) == len(race.lanes):
        whole = len(leaders) == len(race.view.lanes)
        if not race.close(leaders, ALIKE):
            who = "the lanes" if whole else _names(race.view, leaders)
            return f"{count(race.pairs(leaders), 'repeat')} do not tell {who} apart: {times}"
        every = "Both lanes" if len(leaders) == 2 else f"All {len(leaders)} lanes"
        who = every if whole else _names(race.view, leaders)
        return f"{who} {'write about as fast' if race.pace == 'tpot_s' else 'take about as long'}: {times}"
    if len(leaders) > 1:
        about = "" if race.baseline in leaders else race.multiple(leaders[0], race.pace)
        verb = "write fastest" if race.pace == "tpot_s" else "finish first"
        alike = "about alike" if race.close(leaders, ALIKE) else f"not told apart by {count(race.pairs(leaders), 'repeat')}"
        return f"{_names(race.view, leaders)} {verb}, {alike}: {times}{f', about {about}' if about else ''}"
    (winner,) = leaders
    lead = f"{lane_name(race.view, winner)} {'writes fastest' if race.pace == 'tpot_s' else 'finishes first'}: {times}"
    return lead + (_runner_up(race, winner) if winner is race.baseline else _against_baseline(race, winner))


def _against_baseline(race: _Race, winner: LaneState) -> str:
    if race.baseline is None:
        return ""
    times = f", {race.multiple(winner, race.pace, interval=True)}"
    if not (winner.memory_bytes and race.baseline.memory_bytes):
        return times
    multiple = ratio(winner.memory_bytes, race.baseline.memory_bytes)
    return times + (", with the same memory" if multiple == "1.00×" else f", with {multiple} its memory")


def _runner_up(race: _Race, winner: LaneState) -> str:
    rest = _Race(race.view, [lane for lane in race.lanes if lane is not winner], race.pace)
    second = rest.alike(race.pace, ALIKE)[0]
    times = race.multiple(second, race.pace, interval=True)
    return f"; next is {lane_name(race.view, second)} with {_range([second], race.pace)}, {times}"


def _first(race: _Race) -> str:
    """Who shows its first token first, when that is not those who are fastest."""
    firsts, leaders = race.alike("ttft_s", ALIKE_FIRST), race.alike(race.pace, ALIKE)
    late = [lane for lane in leaders if lane not in firsts]
    if not late:
        return ""
    slowest = max(late, key=lambda lane: figure(lane, "ttft_s") or 0)
    verb = "answers" if len(firsts) == 1 else "answer"
    other = f"{lane_name(race.view, slowest)} {_range([slowest], 'ttft_s')}"
    return f"{_names(race.view, firsts)} {verb} first (TTFT {_range(firsts, 'ttft_s')}; {other})"


def _most(race: _Race) -> str:
    """Of batches: who writes the most tokens a second, all rows together."""
    if all(lane.lane.batch == 1 for lane in race.lanes):
        return ""
    metric, kind = "decode_tokens_per_s", "decode"
    if not (leaders := race.alike(metric, ALIKE, highest=True)):
        metric, kind = "output_tokens_per_s", "output"
        leaders = race.alike(metric, ALIKE, highest=True)
    if not leaders:
        return ""
    multiple = "" if race.baseline in leaders else race.multiple(leaders[0], metric)
    verb = "writes" if len(leaders) == 1 else "write"
    throughput = f"{_range(leaders, metric)} ({kind} throughput)"
    return f"{_names(race.view, leaders)} {verb} the most in all rows together: {throughput}{f', {multiple}' if multiple else ''}"


def _least_memory(race: _Race) -> str:
    """Who holds the least, when the winner's memory is not named already."""
    leaders = race.alike(race.pace, ALIKE)
    if race.baseline is None or not race.baseline.memory_bytes or (len(leaders) == 1 and leaders[0] is not race.baseline):
        return ""
    held = {lane.index: lane.memory_bytes for lane in race.lanes if lane.memory_bytes}
    index = min(held, key=lambda one: held[one])
    if held[index] > LESS_MEMORY * race.baseline.memory_bytes:
        return ""
    who, times = lane_name(race.view, race.view.lanes[index]), ratio(held[index], race.baseline.memory_bytes)
    return f"{who} holds the least memory: {size(held[index])}, {times} lane {race.baseline.index + 1}’s"


def _agreement(race: _Race) -> str:
    """How much of the baseline's answer the others' models would have chosen too, where that was measured."""
    shares = {lane.index: lane.agreement.top1 for lane in race.lanes if lane.agreement is not None and lane is not race.view.baseline}
    if not shares:
        return ""
    lanes = [race.view.lanes[index] for index in shares]
    least, most = share(min(shares.values())), share(max(shares.values()))
    who, verb = _names(race.view, lanes), "agrees" if len(lanes) == 1 else "agree"
    last = [lane for lane in lanes if share(shares[lane.index]) == least]
    tail = f", {_names(race.view, last)} least" if least != most else ""
    return f"{who} {verb} with lane {race.view.baseline.index + 1} on {between(least, most)} of tokens{tail}"


def _lengths(race: _Race) -> list[str]:
    """That answers differ in length, for then E2E is of different texts."""
    lengths = [len(row) for lane in race.lanes for row in lane.counted[-1].output_ids]
    if min(lengths) == max(lengths):
        return []
    unlike = ", so their E2E is of different amounts of text" if race.pace == "e2e_s" and len(race.lanes) > 1 else ""
    return [f"Answers are {min(lengths)}–{count(max(lengths), 'token')} long{unlike}."]


def _failures(view: RunState) -> list[str]:
    failed = [lane for lane in view.lanes if lane.state == "failed"]
    if not failed:
        return []
    missing = any(lane is view.baseline for lane in failed) and len(failed) < len(view.lanes)
    return [f"{_names(view, failed)} failed{', so there is no baseline to compare with' if missing else ''}."]


def _basis(race: _Race) -> list[str]:
    """How many repeats the figures are of."""
    early = []
    if race.view.status == "cancelled":
        early = ["Stopped before the end."]
    elif cut := [lane for lane in race.lanes if lane.cut_short]:
        early = [f"{_names(race.view, cut)} timed out."]
    few, many = (pick(len(lane.counted) for lane in race.lanes) for pick in (min, max))
    if many == 1:
        cold = ", cold (the first after loading)" if any(repeat.cold for lane in race.lanes for repeat in lane.counted) else ""
        return [*early, f"One repeat{cold}." if len(race.lanes) == 1 else f"One repeat each{cold}: small differences are not told apart."]
    return [*early, f"Medians of {few if few == many else f'{few} to {many}'} repeats." if len(race.lanes) > 1 else f"Median of {many}."]


def _unsure(view: RunState) -> list[str]:
    """That a run which was to go on until it was sure ended before."""
    until, lanes = view.request.measure.until, unsure(view)
    if until is None or not lanes or view.status == "cancelled":
        return []
    most = view.request.measure.repeats >= until.most
    why = "these are the most repeats it may have" if most else f"its time limit of {duration(until.limit_s)} ended it"
    return [f"Not sure yet: the interval of {_names(view, lanes)} is not narrower than {100 * until.width:g} %, and {why}."]
