"""What is shown of a run: each section is made in one place, and drawn alike on the page, the terminal and in Markdown.

A new section is one value of `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playground.analysis.slo import Target
from playground.report.section import Section
from playground.report.sections.adapters import adapters
from playground.report.sections.published import published
from playground.report.sections.read_as import Tool, read_as
from playground.report.sections.results import results
from playground.report.sections.targets import targets
from playground.timeline.state import RunState


@dataclass(frozen=True, slots=True)
class Choice:
    """What a reader wants to see besides: lanes against a target, figures by another tool's definitions."""

    target: Target | None = None
    tool: Tool | None = None


NOTHING = Choice()


SECTIONS: dict[str, Callable[[RunState, Choice], Section | None]] = {
    "results": lambda view, _choice: results(view),
    "adapters": lambda view, _choice: adapters(view),
    "targets": lambda view, choice: targets(view, choice.target) if choice.target is not None else None,
    "published": lambda view, _choice: published(view),
    "read-as": lambda view, choice: read_as(view, choice.tool) if choice.tool is not None else None,
}
"""In the order in which they stand; None: there is nothing to show."""


def sections(view: RunState, choice: Choice) -> dict[str, Section]:
    """Those that there is something to show of."""
    made = {key: make(view, choice) for key, make in SECTIONS.items()}
    return {key: section for key, section in made.items() if section is not None}
