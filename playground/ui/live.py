"""The live component: a run's view → an append-only string of JSON lines, which `live.js` turns into text, figures and charts.

Everything is derived from the view as it stands when a frame is due, and only what changed is written, so frames may come as
seldom as they like and nothing is lost. Text and points go out with every frame, figures and words a few times a second.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from playground.charts import PALETTES, Curve, charted, figures, repeats_ttft_ms, ttft_ms
from playground.format import duration, rate, ratio, size
from playground.metrics import median
from playground.runner import Run
from playground.spec import Beam
from playground.trace import Metrics
from playground.ui import table
from playground.view import LaneView, RunView
from playground.words import SCRIPTED, lane_words, measure_words, run_words

HERE = Path(__file__).parent
FIGURES_PERIOD_S = 0.2
"""Figures that change faster than this cannot be read."""
HEARTBEAT_S = 0.25
"""A reader that is never given a turn cannot be told that its tab was closed."""


def live_view(value: str, plotly_src: str) -> Any:
    """The component. It is only ever an output: as an event's input the whole string would be posted back."""
    return gr.HTML(
        value=value,
        html_template=(HERE / "live.html").read_text(encoding="utf-8"),
        js_on_load=(HERE / "live.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="live",
        plotly_src=plotly_src,
    )


def paced(run: Run, period_s: float, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Follows a run: yields when something is new, at most once a period; now and then when nothing is; and at its end."""
    last, news = clock() - period_s, False
    for event in run.events(poll_s=period_s):
        news = news or event is not None
        if clock() - last >= (period_s if news else HEARTBEAT_S):
            yield
            last, news = clock(), False
    yield


def record(value: Any) -> str:
    """One line. `<` is escaped: nothing in it can be taken for markup on its way to the browser."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c") + "\n"


class Feed:
    """One run's records, in order: `start` once, then `frame` whenever one is due."""

    def __init__(self, view: RunView, clock: Callable[[], float] = time.monotonic) -> None:
        self._view = view
        self._lanes = [_LaneFeed(view, lane, clock) for lane in view.lanes]
        self._sent: dict[str, Any] = {}
        self._number = 0

    def start(self, idle: bool = False) -> str:
        """The first record: what the browser draws. `idle`: nothing runs yet."""
        view = self._view
        lanes = [{"label": lane.label, "batch": lane.lane.batch, "revises": isinstance(lane.lane.decoding, Beam)} for lane in view.lanes]
        start = {
            "idle": idle,
            "lanes": lanes,
            "steps": view.request.measure.max_new_tokens,
            "measure": measure_words(view.request),
            "figures": figures(view),
            "palettes": {name: {key: getattr(palette, key) for key in palette.__slots__} for name, palette in PALETTES.items()},
            "table": {"columns": table.COLUMNS, "rows": table.rows(view)},
        }
        return record({"run": view.run_id, "start": start})

    def frame(self) -> str:
        """What has changed since the last frame."""
        baseline_s = self._lanes[0].tpot_s()
        lanes = {str(feed.index): changes for feed in self._lanes if (changes := feed.changes(baseline_s))}
        now: dict[str, Any] = {"state": self._view.status, "words": run_words(self._view)}
        if self._view.environment.get("engine") == "scripted":
            now["note"] = SCRIPTED
        if any("state" in changes for changes in lanes.values()):
            now["table"] = table.rows(self._view)
        changed = _changed(self._sent, now)
        self._number += 1
        return record({"n": self._number, **changed, "lanes": lanes}) if changed or lanes else ""


class _LaneFeed:
    """What one lane's card and traces have been sent."""

    def __init__(self, view: RunView, lane: LaneView, clock: Callable[[], float]) -> None:
        self.index = lane.index
        self._view, self._lane, self._clock = view, lane, clock
        self._sent: dict[str, Any] = {}
        self._shown = [""] * lane.lane.batch
        self._curve, self._steps = Curve(), 0
        self._due_s = 0.0
        self._live = Metrics()

    def tpot_s(self) -> float | None:
        """The median of the counted repeats, else of the one in progress, so far."""
        counted = self._lane.figure("tpot_s")
        return counted if counted is not None else self._counting().tpot_s

    def changes(self, baseline_s: float | None) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if points := self._points():
            changes["points"] = points
        if text := self._text():
            changes["text"] = text
        if self._lane.state != self._sent.get("state") or self._clock() >= self._due_s:
            changes |= _changed(self._sent, self._figures(baseline_s))
        return changes

    def _points(self) -> list[Any]:
        repeat = charted(self._lane)
        if repeat is None:
            return []
        steps = repeat.steps[self._steps :]
        self._steps += len(steps)
        return self._curve.take(steps)

    def _text(self) -> list[list[Any]]:
        """Per changed row: row, how many characters stand (None: all), what follows. Later repeats do not write over the first."""
        counted = self._lane.counted
        texts = list(counted[0].texts) if counted else self._lane.texts
        changes = [[row, *change] for row, text in enumerate(texts) if (change := _change(self._shown[row], text))]
        self._shown[: len(texts)] = texts
        return changes

    def _counting(self) -> Metrics:
        """The figures so far of the repeat in progress, if it counts."""
        current = self._lane.current
        return self._live if current is not None and not current.warmup else Metrics()

    def _figures(self, baseline_s: float | None) -> dict[str, Any]:
        self._due_s = self._clock() + FIGURES_PERIOD_S
        self._live = self._lane.live_figures()
        lane, tpot_s = self._lane, self.tpot_s()
        return {
            "state": lane.state,
            "words": lane_words(self._view, lane, self._live),
            "unsure": self._unsure(),
            "basis": self._basis(),
            "ttft": duration(self._median_or_live("ttft_s")),
            "tpot": duration(tpot_s),
            "ratio": f"{ratio(tpot_s, baseline_s)} lane 1" if lane.index and tpot_s and baseline_s else "",
            "rate": rate(self._median_or_live("decode_tokens_per_s")),
            "memory": size(lane.memory_bytes),
            "ttft_ms": ttft_ms(lane),
            "dots_ms": repeats_ttft_ms(lane),
        }

    def _median_or_live(self, name: str) -> float | None:
        if isinstance(self._lane.lane.decoding, Beam) and not self._lane.counted:
            return None
        live: float | None = getattr(self._counting(), name)
        return median([self._lane.figure(name)]) if self._lane.counted else live

    def _unsure(self) -> str:
        """Why the shown text may still change or does not count; empty when it stands."""
        if self._lane.counted or self._lane.current is None:
            return ""
        if self._lane.current.warmup:
            return "warm-up"
        return "revising" if isinstance(self._lane.lane.decoding, Beam) else ""

    def _basis(self) -> str:
        counted = len(self._lane.counted)
        if counted > 1:
            return f"median of {counted}"
        if counted:
            return "1 repeat"
        return "live" if charted(self._lane) is not None else ""


def _changed(sent: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What of `now` differs from what was sent, which is brought up to date."""
    changed = {key: value for key, value in now.items() if key not in sent or sent[key] != value}
    sent |= changed
    return changed


def _change(shown: str, text: str) -> tuple[int | None, str] | None:
    """How one shown text becomes another: what stands (None: all of it) and what is appended. None: it does not change."""
    if text == shown:
        return None
    if text.startswith(shown):
        return None, text[len(shown) :]
    pairs = enumerate(zip(shown, text, strict=False))
    keep = next((at for at, (before, now) in pairs if before != now), min(len(shown), len(text)))
    return keep, text[keep:]
