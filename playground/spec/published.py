"""What others have measured, to stand beside what is measured here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from playground.spec.lane import Lane
from playground.spec.values import Value


class PublishedFigure(Value):
    """What somebody else has measured of a lane like this one."""

    lane: str
    """Lane text; it stands beside lanes of that label."""
    what: str
    """What they ran, in their words."""
    e2e_s: Annotated[float, Field(gt=0)]

    @field_validator("lane")
    @classmethod
    def _canonical(cls, lane: str) -> str:
        return str(Lane.parse(lane))


class Published(Value):
    """Published figures to stand beside the measured ones."""

    source: str
    """Who measured, on what."""
    figures: Annotated[tuple[PublishedFigure, ...], Field(min_length=1)]
    """The first is the one the others are ratios of."""
    also: tuple[str, ...] = ()
    """What else was published, a sentence each."""
    why: str = ""
    """Why the measured ones differ."""
