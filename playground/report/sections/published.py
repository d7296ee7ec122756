"""Figures that others have published, beside those of this run: ratios are compared, for the seconds are of other machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from playground.analysis.comparison import paired
from playground.analysis.metrics import figure
from playground.formatting import UNKNOWN, duration, ratio
from playground.report.section import Cell, Heading, Row, Section
from playground.report.wording.comparison import change_words
from playground.spec.published import PublishedFigure
from playground.timeline.state import LaneState, RunState

HEADINGS = (
    Heading("Lane", numeric=False),
    Heading("What they ran", numeric=False),
    Heading("Published E2E"),
    Heading("Published ratio"),
    Heading("E2E here"),
    Heading("Ratio here"),
    Heading("Output here"),
)
"""The ratios are multiples of the first figure, and of what its lane takes here."""


def published(view: RunState) -> Section | None:
    """None when nothing was published of a lane that is there. Lanes that did not run yet are unknown."""
    known, rows = view.request.published, tuple(_rows(view))
    if known is None or not rows:
        return None
    return Section(f"Published: {known.source}.", HEADINGS, rows, tuple(filter(None, [*known.also, " ".join(known.why.split())])))


def _rows(view: RunState) -> Iterator[Row]:
    """In the figures' order; each beside every lane of its label."""
    figures = view.request.published.figures if view.request.published else ()
    first = next((lane for lane in view.lanes if figures and lane.label == figures[0].lane), None)
    for one in figures:
        for lane in view.lanes:
            if lane.label == one.lane:
                yield _row(view, lane, one, figures[0], first)


def _row(view: RunState, lane: LaneState, one: PublishedFigure, reference: PublishedFigure, first: LaneState | None) -> Row:
    """What they ran, in their words; their time and its ratio; the median of the counted repeats here and its ratio; how the output
    differs from the baseline's."""
    whole = first is not None and not lane.cut_short and not first.cut_short
    found = paired(view, lane, first, "e2e_s") if first is not None and whole else None
    here = [duration(_measured(lane)), ratio(found.ratio.value if found else None, 1.0)]
    change = "baseline" if lane is view.baseline else change_words(view, lane) or UNKNOWN
    texts = [lane.label, one.what, duration(one.e2e_s), ratio(one.e2e_s, reference.e2e_s), *here, change]
    return Row(tuple(map(Cell, texts)), lane.index)


def _measured(lane: LaneState) -> float | None:
    """Of whole answers only."""
    return None if lane.cut_short else figure(lane, "e2e_s")
