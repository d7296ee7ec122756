"""A recording: a finished run's raw facts, from which everything shown of it can be worked out again.

What is derived (metrics, comparisons, totals) is written beside the facts under one key, `derived`, for other tools, and never read back.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, TypeAdapter, model_validator

from playground.analysis.comparison import Comparison
from playground.analysis.measuring import Metrics
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment
from playground.timeline.events import FailureKind
from playground.timeline.facts import LaneFacts
from playground.timeline.trace import Agreement, Load, LoadKind, Memory, Trace, UnfinishedTrace

SCHEMA = 3
"""2: repeats know their number, whether they were cold or alone, their conditions and memory. 3: raw facts only: steps hold the rows that
they touched and the text changes that came with them, cut-off repeats and the kind of a failure are kept, figures stand apart. 1 and 2 are
still read (`upgrade.py`)."""

DERIVED = "derived"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _without_defaults(adapter: TypeAdapter[Any]) -> PlainSerializer:
    """Of a timeline with thousands of steps, what is as usual is left out: a third of a file would be `"keep":null,"resumed":false`."""
    return PlainSerializer(lambda value: adapter.dump_python(value, mode="json", exclude_defaults=True), return_type=dict[str, Any])


KeptTrace = Annotated[Trace, _without_defaults(TypeAdapter(Trace))]
KeptUnfinishedTrace = Annotated[UnfinishedTrace, _without_defaults(TypeAdapter(UnfinishedTrace))]


class Failure(_Record):
    kind: FailureKind
    message: str
    """One sentence for the reader."""


class LaneRecord(_Record):
    """What happened on one lane. Of a stopped run: what it finished."""

    lane: Lane
    facts: LaneFacts
    weights_bytes: int | None
    """As held once loaded, adapter included, shared tensors counted in full; None: it never was."""
    loads: tuple[Load, ...] = ()
    """Every swap of the run, in order: later ones had to make room and come back."""
    failure: Failure | None = None
    agreement: Agreement | None = None
    repeats: tuple[KeptTrace, ...]
    unfinished: KeptUnfinishedTrace | None = None
    """The repeat that a failure, or the end of the engine, cut off."""

    @property
    def label(self) -> str:
        return str(self.lane)

    @property
    def error(self) -> str | None:
        """Why it failed."""
        return self.failure.message if self.failure is not None else None


class Recording(_Record):
    """A finished run: everything shown derives from this."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True)

    schema_version: Literal[3] = Field(default=3, alias="schema")
    id: str
    created_at: str
    """UTC, ISO 8601."""
    status: Literal["done", "cancelled"]
    environment: Environment
    request: RunRequest
    lanes: tuple[LaneRecord, ...]

    @model_validator(mode="before")
    @classmethod
    def _without_derived(cls, document: Any) -> Any:
        return {key: value for key, value in document.items() if key != DERIVED} if isinstance(document, dict) else document


class LaneFigures(_Record):
    """What a lane's record comes to."""

    label: str
    load_s: float | None
    load_kind: LoadKind | None
    """Of the first load."""
    memory_bytes: int | None
    """All that is known to be held: `memory` together, or the weights alone before a repeat was measured."""
    memory: Memory | None
    comparison: Comparison | None
    """With the baseline; None for the baseline itself."""
    metrics: dict[str, float | None]
    """The lane's figure of every metric, by the metric's key and in its unit; None: unknown."""
    repeats: tuple[Metrics, ...]
    """Of each repeat in turn."""


class Figures(_Record):
    """The `derived` of a recording."""

    lanes: tuple[LaneFigures, ...]
