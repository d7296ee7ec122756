"""Loaded variants within a memory budget: least recently used ones make room, and what cannot fit is refused before loading.

Only the device thread uses a pool.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playground.engines.base import NOT_LOADED, EngineError
from playground.engines.local.adapters import WEIGHTS, Attached, attach
from playground.engines.local.device import Device
from playground.engines.local.estimate import Skeleton
from playground.engines.local.loading import Base, BaseSpec, load_base
from playground.engines.local.prequantized import Copies
from playground.engines.local.sources import Say
from playground.spec import PRECISIONS, Lane
from playground.trace import LoadKind


class NoMemory(Exception):
    """A variant, or a run's variants together, cannot fit; one sentence with estimate, budget and remedy."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a lane needs loaded, and what it was estimated to take."""

    lane: Lane
    label: str
    """Of the base, for people."""
    base: BaseSpec
    folder: Path
    adapter: str | None
    adapter_folder: Path | None
    adapter_key: str | None
    skeleton: Skeleton
    kv_bytes: int

    @property
    def base_bytes(self) -> int:
        return self.skeleton.weight_bytes(self.base.precision, bool(self.base.double_quant))

    @property
    def variant(self) -> tuple[BaseSpec, str | None]:
        """What must be resident for this lane."""
        return self.base, self.adapter_key

    @property
    def adapter_bytes(self) -> int:
        file = self.adapter_folder / WEIGHTS if self.adapter_folder else None
        return file.stat().st_size if file and file.is_file() else 0


@dataclass(frozen=True, slots=True)
class Resident:
    """A variant ready to run. `load_s` from asked-for to ready."""

    model: Any
    load_s: float
    load_kind: LoadKind
    memory_bytes: int
    facts: dict[str, Any]


@dataclass(slots=True)
class _Entry:
    label: str
    base: Base
    views: dict[str, Attached] = field(default_factory=dict)
    """By the adapter's key."""

    @property
    def memory_bytes(self) -> int:
        return self.base.memory_bytes + sum(view.memory_bytes for view in self.views.values())


class Pool:
    """`budget_bytes`: what loaded variants and their KV caches may take together."""

    def __init__(self, device: Device, copies: Copies, budget_bytes: int) -> None:
        self._device, self._copies = device, copies
        self.budget_bytes = budget_bytes
        self._entries: OrderedDict[BaseSpec, _Entry] = OrderedDict()

    @property
    def used_bytes(self) -> int:
        return sum(entry.memory_bytes for entry in self._entries.values())

    def check_alone(self, wanted: Wanted) -> None:
        """Raises NoMemory if the variant cannot fit even with nothing else loaded."""
        need = wanted.base_bytes + wanted.adapter_bytes + wanted.kv_bytes
        if need > self.budget_bytes:
            message = f"{wanted.base.precision} needs {gigabytes(need)}, the memory budget is {gigabytes(self.budget_bytes)}"
            raise NoMemory(message + _smaller(wanted, self.budget_bytes))

    def check_together(self, lanes: Sequence[Wanted]) -> None:
        """Raises NoMemory if these lanes' variants and KV caches cannot all be resident at once."""
        bases = {wanted.base: wanted.base_bytes for wanted in lanes}
        adapters = {wanted.variant: wanted.adapter_bytes for wanted in lanes}
        need = sum(bases.values()) + sum(adapters.values()) + sum(wanted.kv_bytes for wanted in lanes)
        if need > self.budget_bytes:
            raise NoMemory(
                f"these lanes need {gigabytes(need)} at once, the memory budget is {gigabytes(self.budget_bytes)};"
                " use the exclusive schedule, which holds one lane at a time, or fewer lanes"
            )

    def acquire(self, wanted: Wanted, together: Sequence[Wanted], say: Say) -> Resident:
        """The variant, loaded if it is not resident. `together`: the lanes that must stay resident with it, itself included.

        Raises NoMemory, LoadError, AdapterError, torch.OutOfMemoryError.
        """
        self._make_room(wanted, together)
        began, copy_s = time.perf_counter(), 0.0
        kind: LoadKind = "resident"
        entry = self._entries.get(wanted.base)
        if entry is None:
            entry = _Entry(wanted.label, load_base(wanted.folder, wanted.base, self._device, self._copies, say))
            self._entries[wanted.base], kind = entry, entry.base.kind
            copy_s = entry.base.facts.get("copy_s", 0.0)  # writing the copy for the next time is not part of getting ready
        self._entries.move_to_end(wanted.base)
        model, facts, memory = entry.base.model, dict(entry.base.facts), entry.base.memory_bytes
        if wanted.adapter and wanted.adapter_folder and wanted.adapter_key:
            if wanted.adapter_key not in entry.views:
                say(f"attaching {wanted.adapter}")
                view = attach(entry.base.model, wanted.adapter_folder, wanted.adapter, wanted.base.dtype, self._device)
                entry.views[wanted.adapter_key] = view
                kind = "cold" if kind == "resident" else kind
            view = entry.views[wanted.adapter_key]
            model, memory = view.model, memory + view.memory_bytes
            facts |= view.facts | {"adapter": wanted.adapter}
        return Resident(model, time.perf_counter() - began - copy_s, kind, memory, facts)

    def residents(self) -> list[dict[str, Any]]:
        """What is loaded, as plain JSON values; each base is followed by the adapters that hang on it."""
        found = []
        for spec, entry in list(self._entries.items()):
            found.append({"key": self._key(spec), "label": entry.label, "memory_bytes": entry.base.memory_bytes})
            for adapter, view in list(entry.views.items()):
                label = f"{entry.label} + {view.name}"
                found.append({"key": self._key(spec, adapter), "label": label, "memory_bytes": view.memory_bytes})
        return found

    def evict(self, key: str | None) -> None:
        """The resident of this key, a base with its adapters; all with None. Raises EngineError if there is none."""
        if key is None:
            return self.clear()
        for spec, entry in self._entries.items():
            if self._key(spec) == key:
                del self._entries[spec]
                break
            if adapter := next((adapter for adapter in entry.views if self._key(spec, adapter) == key), None):
                del entry.views[adapter]
                break
        else:
            raise EngineError(NOT_LOADED)
        del entry  # or what it holds would still be held while it is released
        return self._device.release()

    def _key(self, spec: BaseSpec, adapter: str = "") -> str:
        return hashlib.sha256(repr((self._device.name, spec, adapter)).encode()).hexdigest()[:16]

    def clear(self) -> None:
        """Evicts everything."""
        self._entries.clear()
        self._device.release()

    def _make_room(self, wanted: Wanted, together: Sequence[Wanted]) -> None:
        """Evicts, least recently used first, what the lanes of this run do not need, until what is missing and the KV caches fit."""
        keep = {lane.variant for lane in together}
        bases = {base for base, _ in keep}
        entry = self._entries.get(wanted.base)
        need = sum(lane.kv_bytes for lane in together)
        need += 0 if entry else wanted.base_bytes
        need += 0 if entry and wanted.adapter_key in entry.views else wanted.adapter_bytes
        evicted = False
        for spec in [spec for spec in self._entries if spec not in bases]:
            if self.used_bytes + need > self.budget_bytes:
                del self._entries[spec]
                evicted = True
        for spec, one in self._entries.items():
            for key in [key for key in one.views if (spec, key) not in keep]:
                if self.used_bytes + need > self.budget_bytes:
                    del one.views[key]
                    evicted = True
        if evicted:
            self._device.release()
        if self.used_bytes + need > self.budget_bytes:
            free = gigabytes(max(0, self.budget_bytes - self.used_bytes))
            raise NoMemory(f"{wanted.base.precision} needs {gigabytes(need)}, {free} of the memory budget is free")


def _smaller(wanted: Wanted, budget: int) -> str:
    """The largest precision that would fit, as a hint."""
    fixed = wanted.adapter_bytes + wanted.kv_bytes
    sizes = {precision: wanted.skeleton.weight_bytes(precision) + fixed for precision in PRECISIONS}
    fitting = {precision: size for precision, size in sizes.items() if size <= budget}
    if not fitting:
        return "; no precision of this model fits"
    best = max(fitting, key=lambda precision: (fitting[precision], precision == "nf4"))
    return f". Try {best} ({gigabytes(fitting[best])})"


def gigabytes(count: int) -> str:
    """Bytes in 10⁹ (or 10⁶) units, three significant figures."""
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"
