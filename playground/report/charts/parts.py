"""Where the time goes: a stacked bar a lane, of the repeat whose E2E is the median."""

from __future__ import annotations

from playground.analysis.breakdown import PARTS, Breakdown, breakdown
from playground.formatting import duration
from playground.report.charts.chart import Chart, Figure, register
from playground.report.charts.layout import axis_end, lane_bars, lane_colours, lane_rows, layout
from playground.report.charts.palette import LIGHT
from playground.timeline.state import RunState


def _make(view: RunState) -> Figure:
    """One trace a part."""
    found = [one if (one := breakdown(lane)) is not None and one.repeats else None for lane in view.lanes]
    drawn = layout("Where the time goes", "ms: prefill hatched, decoding solid", axis_end(300, [_ms(one) for one in found], 1.2))
    drawn["yaxis"] |= lane_rows(view) | {"tickmode": "linear", "dtick": 1}
    parts = [_part(view, number, found) for number in range(len(PARTS))]
    return {"data": parts, "layout": drawn | {"bargap": 0.3, "barmode": "stack"}}


def _ms(one: Breakdown | None) -> float | None:
    return None if one is None else one.e2e_us / 1e3


def _part(view: RunState, number: int, found: list[Breakdown | None]) -> Figure:
    """Hatched, solid and dotted, so that parts differ by more than their tint. The whole stands beside the last."""
    name, last = PARTS[number], number == len(PARTS) - 1
    colour = lane_colours(view) if name in ("prefill", "decoding") else LIGHT.muted
    shape = {"prefill": "/", "post": "."}.get(name, "")
    pattern = {"shape": shape, "fillmode": "replace", "size": 5, "solidity": 0.5}
    return lane_bars(
        view,
        [None if one is None else one.parts_us[number] / 1e3 for one in found],
        "%{y}<br>%{customdata}",
        name=name,
        customdata=["" if one is None else f"{name} {duration(one.parts_us[number] / 1e6)}" for one in found],
        text=["" if one is None or not last else duration(one.e2e_us / 1e6) for one in found],
        marker={"color": colour, "pattern": pattern, "line": {"width": 1, "color": colour}},
    )


register(
    Chart(
        key="parts",
        title="Where the time went",
        alt="where the time went, by lane: tokenizing, prefill, decoding and post, which add up to E2E",
        make=_make,
        place=40,
    )
)
