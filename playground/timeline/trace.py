"""Traces: the raw, immutable timelines that every figure derives from.

All times are seconds. `t_s` is the lane's own clock (its own slices, turns given to other lanes excluded) from
zero = the request handed to the engine with the variant resident; `wall_s` is the same instant on the wall, from the same zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, TypeVar, cast

from pydantic import ConfigDict

Finish = Literal["length", "stop", "cancelled", "timeout"]
LoadKind = Literal["cold", "prequantized", "host", "attached", "resident"]
"""Where a variant came from: its files, its pre-quantized copy, the host's memory; an adapter put on a resident base; or it was there."""


Of = TypeVar("Of")


class Derived:
    """What is worked out from a value is kept with it, and goes when it goes."""

    __slots__ = ("_derived",)

    def derive(self, make: Callable[[Self], Of]) -> Of:
        """What `make` makes of this; made once. `make` must be the same object each time: a function of a module, or a class."""
        kept: dict[Callable[[Self], object], object] | None = getattr(self, "_derived", None)
        if kept is None:
            kept = {}
            object.__setattr__(self, "_derived", kept)  # also of a frozen one: it is no part of its value
        if make not in kept:
            kept[make] = make(self)
        return cast("Of", kept[make])


class _Strict:
    """A value of a recording's JSON: nothing but its fields, and only finite numbers."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(_Strict):
    """One decode event: the tokens that rows gained in it, one or several each. It holds only the rows that it touched."""

    t_s: float
    wall_s: float
    token_ids: Mapping[int, tuple[int, ...]]
    """Row → the ids it gained. A row that has finished gains nothing: its pad tokens are not recorded."""
    keep: Mapping[int, int] | None = None
    """Of the same rows, how many earlier tokens still stand before these are appended; None: all (only beam search revises)."""
    resumed: bool = False
    """Its time began with a change of turn: another lane had the device since this one's step before."""


class TokenCounts:
    """How many tokens stand in each row, as steps come."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}

    def take(self, step: Step) -> None:
        for row, ids in step.token_ids.items():
            standing = self._rows.get(row, 0) if step.keep is None else step.keep[row]
            self._rows[row] = standing + len(ids)

    @property
    def total(self) -> int:
        """All rows together."""
        return sum(self._rows.values())

    @property
    def longest(self) -> int:
        """Of the row that has most."""
        return max(self._rows.values(), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions(_Strict):
    """What the machine did besides, from just before a repeat to just after; None: cannot be read here."""

    others_share: float | None = None
    """Processor time that other programs took, of all cores' (0 to 1)."""
    stolen_share: float | None = None
    """Processor time that the host of this virtual machine gave to others, of all cores' (0 to 1)."""
    swapped_bytes: int | None = None
    """Moved from or to swap."""
    throttled: int | None = None
    """How often the processor, or the GPU, slowed itself down for heat or power."""
    clock_share: float | None = None
    """The processor's or the GPU's clock after the repeat, of the highest it may have."""
    waited: int | None = None
    """How often the decoding thread lost its core while it could have run on (involuntary context switches)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(_Strict):
    """What a lane held on its device at most, in a repeat that had it to itself; shared tensors counted in full. None: not known."""

    weights_bytes: int
    """Walked: all tensors of the variant, quantization state and adapter in."""
    kv_bytes: int | None = None
    """Walked: the KV cache's tensors after the last step."""
    rest_bytes: int | None = None
    """Activations, logits, workspaces. CUDA: the allocator's peak less the two above. CPU: what RssAnon grew by, less the KV cache."""
    reserved_bytes: int | None = None
    """CUDA: the most that the allocator had taken from the device, for this lane and others."""

    @property
    def peak_bytes(self) -> int:
        """All that is known, together."""
        return self.weights_bytes + (self.kv_bytes or 0) + (self.rest_bytes or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTimes(_Strict):
    """When the request of one row came and went, on the lane's own clock; its tokens' times are the steps'."""

    arrived_s: float
    admitted_s: float
    """Its first forward could begin."""
    end_s: float
    """It was handed back."""


@dataclass(frozen=True, slots=True)
class RowText(_Strict):
    """A change of one row's shown text: its first `keep` characters stand (None: all), then `text` is appended."""

    row: int
    text: str
    keep: int | None = None
    step: int = 0
    """Which of the steps it came with, by index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedTrace(_Strict, Derived):
    """The timeline of a repeat that was cut off, as far as it came."""

    number: int
    """Of the repeat, counted over warm-ups and repeats together: those of one number, in several lanes, are a pair."""
    warmup: bool
    cold: bool = False
    """The first since its variant was loaded."""
    alone: bool = False
    """Contended: the repeat without neighbours that the one of the same number is compared with; not counted."""
    prompt_tokens: tuple[int, ...]
    """Per row, without padding."""
    tokenize_s: float
    """Zero to input ids ready on the device, chat template included."""
    steps: tuple[Step, ...]
    changes: tuple[RowText, ...] = ()
    """How the shown texts grew, in the order of the steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace(UnfinishedTrace):
    """The timeline of one repeat on one lane. `output_ids` is authoritative; steps are for display and timing."""

    end_s: float
    """Own clock after generate returned and the final detokenization."""
    end_wall_s: float
    output_ids: tuple[tuple[int, ...], ...]
    """Per row: what was generated, the ending EOS included, padding excluded."""
    finish: tuple[Finish, ...]
    texts: tuple[str, ...]
    revises: bool = False
    """Beam search: no token is certain before the end."""
    conditions: Conditions | None = None
    memory: Memory | None = None
    requests: tuple[RequestTimes, ...] = ()
    """Per row. Empty: a static batch, whose rows all arrive and are admitted at zero and are handed back together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(_Strict):
    """One time a lane's variant was made ready."""

    load_s: float
    load_kind: LoadKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement(_Strict):
    """See `Measure.agreement`."""

    top1: float
    """Share of places, 0 to 1."""
    places: int
