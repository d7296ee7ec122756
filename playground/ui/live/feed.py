"""A run's view → the append-only JSON lines that the browser is fed; pure.

Everything is derived from the view as it stands when a frame is due, and only what changed is written, so frames may come as
seldom as they like and nothing is lost. Steps and text go out with every frame, figures and words a few times a second. Each step
carries its lane's own time and what it did to the text, so the browser can play the run again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar, cast

from playground.analysis.breakdown import breakdown
from playground.analysis.comparison import compare
from playground.analysis.measuring import Metrics, measure, median
from playground.analysis.metrics import figure, live_figures
from playground.errors import InputError
from playground.formatting import duration, milliseconds, rate, ratio, significant, size
from playground.report.charts import PALETTES
from playground.report.loads import adapter_words, every_swap, swap_words
from playground.report.script import script
from playground.report.verdict import verdict
from playground.report.wording.comparison import change_words, compared_words, neighbour_words
from playground.report.wording.lane import breakdown_words, lane_tag, lane_words, memory_words, short_label
from playground.report.wording.machine import noise_words
from playground.report.wording.run import measure_words, run_words, scripted_words, until_words
from playground.timeline.state import LaneState, RunningRepeat, RunState
from playground.timeline.trace import RowText, TokenCounts
from playground.ui.live.chart_feed import ChartFeed
from playground.ui.live.records import First, Following, Frame, LaneChanges, LaneRecord, Left, RowChange, Standing, Start, Step
from playground.ui.live.section_feed import SectionFeed
from playground.ui.live.targets import target_choice

FIGURES_PERIOD_S = 0.2
"""Figures that change faster than this cannot be read."""


Changes = TypeVar("Changes", bound=Mapping[str, object])


def record(value: Any) -> str:
    """One line; of dataclasses their fields. `<` is escaped: nothing in it can be taken for markup on its way to the browser."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=asdict).replace("<", "\\u003c") + "\n"


LEFT = record(Left(left=True))
"""The live view's value when nobody is watched any more."""


def following(key: str) -> str:
    """The live view's value when a run is to be shown (`streams.py`)."""
    return record(Following(key=key))


class Feed:
    """One run's records, in order: `start` once, then `frame` whenever one is due."""

    def __init__(self, view: RunState, clock: Callable[[], float] = time.monotonic) -> None:
        self._view = view
        self._lanes = [_LaneFeed(view, lane, clock) for lane in view.lanes]
        self._charts = ChartFeed(view)
        self._sent: dict[str, object] = {}
        self._sections = SectionFeed(view)
        self._beneath_of: tuple[Any, ...] = ()
        self._beneath_words = ""

    def start(self, idle: bool = False, watching: bool = False, key: str = "") -> str:
        """The first record."""
        view = self._view
        self._sent["measure"] = measure = measure_words(view.request)
        start: Start = {
            **self._sections.start(),
            "idle": idle,
            "watching": watching,
            "key": key,
            "lanes": [_lane(view, lane) for lane in view.lanes],
            "baseline": view.baseline.index,
            "prompts": len(view.request.workload.prompts),
            "tokens": view.request.measure.max_new_tokens,
            "adapters": any(lane.lane.variant.adapter for lane in view.lanes),
            "measure": measure,
            "charts": self._charts.start(),
            "palettes": PALETTES,
            "targets": target_choice(view.request),
        }
        return record(First(run=view.run_id, start=start))

    def frame(self) -> str:
        """What has changed since the last frame."""
        view = self._view
        baseline_s = self._lanes[view.baseline.index].tpot_s()
        lanes = {str(feed.index): changes for feed in self._lanes if (changes := feed.changes(baseline_s))}
        now: Frame = {"state": view.status, "verdict": verdict(view), "beneath": self._beneath()}
        now["repeats"] = sum(len(lane.repeats) for lane in view.lanes)
        now["measure"] = measure_words(view.request, view if view.status in ("done", "cancelled") else None)
        if any("words" in changes for changes in lanes.values()) or view.status != self._sent.get("state"):
            now["words"] = run_words(view)
        if made_up := scripted_words(view):
            now["note"] = made_up
        changed = _changed(self._sent, now)
        if any("state" in changes for changes in lanes.values()):
            changed = {**changed, **self._sections.changes()}
        if charts := self._charts.changes():
            changed["charts"] = charts
        return record(Frame(**changed, lanes=lanes)) if changed or lanes else ""

    def _beneath(self) -> str:
        """What stands under the verdict: how far a run is from sure, and that the machine was not quiet. Looked at when a repeat ended."""
        known = (sum(len(lane.repeats) for lane in self._view.lanes), self._view.status)
        if known != self._beneath_of:
            words = until_words(self._view), noise_words(self._view)
            self._beneath_of, self._beneath_words = known, " ".join(filter(None, words))
        return self._beneath_words


def _lane(view: RunState, lane: LaneState) -> LaneRecord:
    return {
        "label": lane.label,
        "short": short_label(lane.lane, view.baseline.lane),
        "tag": lane_tag(view.request, lane.lane),
        "batch": lane.lane.batch,
        "code": _code(view, lane),
    }


def _code(view: RunState, lane: LaneState) -> str:
    """The lane as a script; none of a lane that will be refused."""
    try:
        return script(view.request, lane.index)
    except InputError:
        return ""


def _revises(lane: LaneState) -> bool:
    return lane.lane.decoding.revises


class _LaneFeed:
    """What one lane's card and traces have been sent."""

    def __init__(self, view: RunState, lane: LaneState, clock: Callable[[], float]) -> None:
        self.index = lane.index
        self._view, self._lane, self._clock = view, lane, clock
        self._sent: dict[str, object] = {}
        self._shown = [""] * lane.lane.batch
        self._steps = 0
        self._tokens = TokenCounts()
        self._began = False
        self._due_s = 0.0
        self._live = Metrics()
        self._changed_with: tuple[Any, ...] = ()
        self._change_words = ""
        self._compared_with: tuple[Any, ...] = ()
        self._compared_words: LaneChanges = {}
        self._paired = ""

    def tpot_s(self) -> float | None:
        """The median of the counted repeats, else of the one in progress, so far."""
        counted = figure(self._lane, "tpot_s")
        return counted if counted is not None else self._counting().tpot_s

    def changes(self, baseline_s: float | None) -> LaneChanges:
        changes: LaneChanges = {}
        first = self._lane.first
        if first is not None and not self._began:
            self._began, self._shown, changes["fresh"] = True, [""] * self._lane.lane.batch, True
        if first is not None and (steps := self._new_steps(first)):
            changes["steps"] = steps
        elif first is None and self._lane.current is not None:
            changes.update(_changed(self._sent, LaneChanges(warm=self._lane.current.tokens.longest)))
        if text := self._text():
            changes["text"] = text
        if self._lane.state != self._sent.get("state") or self._clock() >= self._due_s:
            changes.update(_changed(self._sent, self._figures(baseline_s)))
        return changes

    def _new_steps(self, first: RunningRepeat) -> list[Step]:
        steps: list[Step] = []
        for index in range(self._steps, len(first.steps)):
            step, changes = first.steps[index], first.changes[index]
            self._tokens.take(step)
            for change in changes:
                kept = self._shown[change.row]
                self._shown[change.row] = (kept if change.keep is None else kept[: change.keep]) + change.text
            steps.append((milliseconds(step.t_s), self._standing(), *_compact(changes)))
        self._steps = len(first.steps)
        return steps

    def _standing(self) -> Standing:
        return self._tokens.total if self._lane.lane.batch == 1 else (self._tokens.total, self._tokens.longest)

    def _text(self) -> list[RowChange]:
        """Changes that no drawn step made: a warm-up's text, and the whole text at the end where it differs from the streamed one.

        Later repeats do not write over the first.
        """
        lane = self._lane
        if lane.first is None:
            texts = lane.texts
        elif lane.counted and lane.current is not lane.first:
            texts = list(lane.counted[0].texts)
        else:
            return []
        changes = [(row, *change) for row, text in enumerate(texts) if (change := _change(self._shown[row], text))]
        self._shown[: len(texts)] = texts
        return changes

    def _counting(self) -> Metrics:
        """The figures so far of the repeat in progress, if it counts."""
        current = self._lane.current
        return self._live if current is not None and not current.warmup and not current.alone else Metrics()

    def _figures(self, baseline_s: float | None) -> LaneChanges:
        self._due_s = self._clock() + FIGURES_PERIOD_S
        self._live = live_figures(self._lane)
        lane, tpot_s, throughput = self._lane, self.tpot_s(), self._median_or_live("decode_tokens_per_s")
        compared = lane is not self._view.baseline and tpot_s and baseline_s
        return {
            **self._compared(),
            **self._phases(),
            "state": lane.state,
            "words": lane_words(self._view, lane, self._live),
            "fraction": lane.fraction,
            "unsure": self._unsure(),
            "basis": self._basis(),
            "ttft": duration(self._median_or_live("ttft_s")),
            "tpot": duration(tpot_s),
            "ratio": self._paired or (f"{ratio(tpot_s, baseline_s)} lane {self._view.baseline.index + 1}" if compared else ""),
            "rate": rate(throughput),
            "row_rate": f"{significant(throughput / lane.lane.batch)} a row" if throughput and lane.lane.batch > 1 else "",
            "memory": size(lane.memory_bytes),
            "memory_parts": memory_words(self._view, lane),
            "cold": f"cold {duration(measure(lane.cold).ttft_s)}" if lane.cold is not None and lane.cold not in lane.counted else "",
            "e2e": duration(figure(lane, "e2e_s")),
            "e2e_ms": milliseconds(figure(lane, "e2e_s")),
            "swap": swap_words(lane),
            "every_swap": every_swap(lane),
            "adapters": adapter_words(lane),
            "change": self._change(),
        }

    def _compared(self) -> LaneChanges:
        """Worked out once a repeat: intervals are drawn from thousands of resamples."""
        known = (len(self._lane.repeats), len(self._view.baseline.repeats), self._view.status)
        if known != self._compared_with:
            short, whole = compared_words(self._view, self._lane)
            against = compare(self._view, self._lane, "tpot_s") if self._lane.counted else None
            self._paired = f"{significant(against.ratio)}× lane {self._view.baseline.index + 1}" if against and against.ratio else ""
            beside = neighbour_words(self._view, self._lane)
            self._compared_with, self._compared_words = known, {"compared": short, "compared_whole": whole, "neighbours": beside}
        return self._compared_words

    def _change(self) -> str:
        """Worked out once both answers are there, and not with every frame again."""
        known = (self._lane.agreement, bool(self._lane.counted), bool(self._view.baseline.counted))
        if known != self._changed_with:
            self._changed_with, self._change_words = known, change_words(self._view, self._lane)
        return self._change_words

    def _phases(self) -> LaneChanges:
        """Where the time went, in ms and in words, and in which repeat."""
        found = breakdown(self._lane)
        if found is None:
            return {"phases": [], "phases_of": ""}
        parts = [(part_us / 1e3, duration(part_us / 1e6)) for part_us in found.parts_us]
        return {"phases": parts, "phases_of": breakdown_words(found)}

    def _median_or_live(self, name: str) -> float | None:
        if _revises(self._lane) and not self._lane.counted:
            return None
        live: float | None = getattr(self._counting(), name)
        return median([figure(self._lane, name)]) if self._lane.counted else live

    def _unsure(self) -> str:
        """Why the shown text may still change or does not count; empty when it stands."""
        if self._lane.counted or self._lane.current is None:
            return ""
        if self._lane.current.warmup:
            return "warm-up"
        if self._lane.current.alone:
            return "alone"
        return "revising" if _revises(self._lane) else ""

    def _basis(self) -> str:
        counted = len(self._lane.counted)
        if counted > 1:
            return f"median of {counted}"
        if counted:
            return "1 repeat"
        return "live" if self._lane.first is not None else ""


def _compact(changes: list[RowText]) -> tuple[str | list[RowChange], ...]:
    """One string for the usual case, a token appended to the only row; else a list of changes."""
    match changes:
        case []:
            return ()
        case [RowText(row=0, keep=None, text=text)]:
            return (text,)
        case _:
            return ([(change.row, change.keep, change.text) for change in changes],)


def _changed(sent: dict[str, object], now: Changes) -> Changes:
    """What of `now` differs from what was sent, which is brought up to date."""
    changed = {key: value for key, value in now.items() if key not in sent or sent[key] != value}
    sent |= changed
    return cast(Changes, changed)


def _change(shown: str, text: str) -> tuple[int | None, str] | None:
    """How one shown text becomes another: what stands (None: all of it) and what is appended. None: it does not change."""
    if text == shown:
        return None
    if text.startswith(shown):
        return None, text[len(shown) :]
    pairs = enumerate(zip(shown, text, strict=False))
    keep = next((at for at, (before, now) in pairs if before != now), min(len(shown), len(text)))
    return keep, text[keep:]
