"""Traces and recordings: the raw, immutable timelines that every figure derives from, and their JSON.

All times are seconds. `t_s` is the lane's own clock (its own slices, turns given to other lanes excluded) from
zero = the request handed to the engine with the variant resident; `wall_s` is the same instant on the wall, from the same zero.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from playground.spec import Lane, RunRequest

SCHEMA = 1

Finish = Literal["length", "stop", "cancelled", "timeout"]
LoadKind = Literal["cold", "prequantized", "host", "attached", "resident"]
"""Where a variant came from: its files, its pre-quantized copy, the host's memory; an adapter put on a resident base; or it was there."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Record):
    """One decode event: the tokens each row gained in it."""

    t_s: float
    wall_s: float
    token_ids: tuple[tuple[int, ...], ...]
    """Per row. A row that has finished gains nothing: its pad tokens are not recorded."""
    keep: tuple[int, ...] | None = None
    """Per row, how many of its earlier tokens still stand before these are appended; None: all (only beam search revises)."""


class Trace(_Record):
    """The timeline of one repeat on one lane. `output_ids` is authoritative; steps are for display and timing."""

    warmup: bool
    prompt_tokens: tuple[int, ...]
    """Per row, without padding."""
    tokenize_s: float
    """Zero to input ids ready on the device, chat template included."""
    steps: tuple[Step, ...]
    end_s: float
    """Own clock after generate returned and the final detokenization."""
    end_wall_s: float
    output_ids: tuple[tuple[int, ...], ...]
    """Per row: what was generated, the ending EOS included, padding excluded."""
    finish: tuple[Finish, ...]
    texts: tuple[str, ...]
    revises: bool = False
    """Beam search: no token is certain before the end."""


class Metrics(_Record):
    """The figures of one repeat; None: unknown or undefined. Definitions: metrics.py."""

    tokenize_s: float | None = None
    ttft_s: float | None = None
    prefill_s: float | None = None
    decode_s: float | None = None
    post_s: float | None = None
    e2e_s: float | None = None
    tpot_s: float | None = None
    itl_s: tuple[float, ...] = ()
    step_s: float | None = None
    decode_tokens_per_s: float | None = None
    output_tokens_per_s: float | None = None
    requests_per_s: float | None = None


class Repeat(Trace):
    """A trace with its figures, as a recording holds it."""

    metrics: Metrics


class Load(_Record):
    """One time a lane's variant was made ready."""

    load_s: float
    load_kind: LoadKind


class Agreement(_Record):
    """See `Measure.agreement`."""

    top1: float
    """Share of places, 0 to 1."""
    places: int


class LaneRecord(_Record):
    index: int
    label: str
    lane: Lane
    error: str | None
    load_s: float | None
    load_kind: LoadKind | None
    memory_bytes: int | None
    """Weights as held, adapter included, shared tensors counted in full."""
    loads: tuple[Load, ...] = ()
    """Every swap of the run, in order: the first is what `load_s` and `load_kind` tell, later ones had to make room and come back."""
    facts: dict[str, Any]
    """Read back from the loaded model: dtype, quantized modules, attention, adapter, sha256 of the weights, …"""
    agreement: Agreement | None = None
    repeats: tuple[Repeat, ...]


class Recording(_Record):
    """A finished run: everything shown derives from this."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    schema_version: int = Field(default=SCHEMA, alias="schema")
    id: str
    created_at: str
    """UTC, ISO 8601."""
    status: Literal["done", "cancelled"]
    environment: dict[str, Any]
    request: RunRequest
    lanes: tuple[LaneRecord, ...]
