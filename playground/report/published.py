"""Figures that others have published, beside those of this run: ratios are compared, for the seconds are of other machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from playground.analysis.comparison import paired
from playground.analysis.figures import figure
from playground.analysis.output_diff import change_words
from playground.formatting import UNKNOWN, duration, ratio
from playground.spec.published import PublishedFigure
from playground.timeline.state import LaneState, RunState

HEADINGS = ("Lane", "What they ran", "Published E2E", "Published ratio", "E2E here", "Ratio here", "Output here")
"""The ratios are multiples of the first figure, and of what its lane takes here."""


class PublishedRow(TypedDict):
    lane: int
    """Index in the request."""
    label: str
    texts: list[str]
    """Under the headings after the first: what they ran, in their words; their time and its ratio; the median of the counted repeats
    here and its ratio; how the output differs from the baseline's. "–" for what is unknown, or not yet."""


class PublishedTable(TypedDict):
    source: str
    headings: list[str]
    rows: list[PublishedRow]
    also: list[str]
    why: str


def published_table(view: RunState) -> PublishedTable | None:
    """The table as plain JSON values; None when nothing was published of a lane that is there. Lanes that did not run yet are unknown."""
    published = view.request.published
    rows = list(_rows(view))
    if published is None or not rows:
        return None
    return {
        "source": published.source,
        "headings": list(HEADINGS),
        "rows": rows,
        "also": list(published.also),
        "why": " ".join(published.why.split()),
    }


def _rows(view: RunState) -> Iterator[PublishedRow]:
    """In the figures' order; each beside every lane of its label."""
    figures = view.request.published.figures if view.request.published else ()
    first = next((lane for lane in view.lanes if figures and lane.label == figures[0].lane), None)
    for one in figures:
        for lane in view.lanes:
            if lane.label == one.lane:
                yield _row(view, lane, one, figures[0], first)


def _row(view: RunState, lane: LaneState, one: PublishedFigure, reference: PublishedFigure, first: LaneState | None) -> PublishedRow:
    whole = first is not None and not lane.cut_short and not first.cut_short
    found = paired(view, lane, first, "e2e_s") if first is not None and whole else None
    published = [one.what, duration(one.e2e_s), ratio(one.e2e_s, reference.e2e_s)]
    change = "baseline" if lane is view.baseline else change_words(view, lane) or UNKNOWN
    return {
        "lane": lane.index,
        "label": lane.label,
        "texts": [*published, duration(_measured(lane)), ratio(found.ratio.value if found else None, 1.0), change],
    }


def _measured(lane: LaneState) -> float | None:
    """Of whole answers only."""
    return None if lane.cut_short else figure(lane, "e2e_s")
