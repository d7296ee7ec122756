"""Loaded variants within a memory budget: least recently used ones make room (and wait in the host's memory, where that is another
than the device's), and what cannot fit is refused before loading.

Only the device thread uses a pool.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import PreTrainedModel

from playground.errors import NOT_LOADED, EngineError
from playground.models.folders import StatusCallback
from playground.spec.lane import Lane
from playground.spec.runtime import Runtime
from playground.spec.weights import SCHEMES
from playground.timeline.environment import Place, ResidentFacts
from playground.timeline.facts import LaneFacts
from playground.timeline.trace import LoadKind
from playground.worker.adapters import Adapter, AdapterError, Attached, Loaded, attach, load_adapter
from playground.worker.device import Device, is_out_of_memory
from playground.worker.estimate import ModelSizes
from playground.worker.host_memory import HostCopy
from playground.worker.loading import Base, BaseSpec, Tree, load_base, tree_of
from playground.worker.prequantized import Copies
from playground.worker.trees import tensors_of


class NoMemory(Exception):
    """A variant, or a run's variants together, cannot fit; one sentence with estimate, budget and remedy."""


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """What a lane needs loaded, and what it was estimated to take."""

    lane: Lane
    label: str
    """Of the base, for people."""
    base: BaseSpec
    folder: Path
    rows: tuple[Adapter | None, ...]
    """The adapters attached to it, by row of the batch; one if all rows have the same; empty: none."""
    merging: Adapter | None
    """The adapter that is merged into the base."""
    model_sizes: ModelSizes
    kv_bytes: int

    @property
    def base_bytes(self) -> int:
        return self.model_sizes.weight_bytes(self.base.weights)

    @property
    def adapters(self) -> dict[str, Adapter]:
        """The different ones attached, by key."""
        return {adapter.key: adapter for adapter in self.rows if adapter is not None}

    def adapter_bytes(self, adapter: Adapter) -> int:
        return adapter.estimate(self.model_sizes.linear_inputs + self.model_sizes.linear_outputs)


@dataclass(frozen=True, slots=True)
class Resident:
    """A variant ready to run. `load_s` from asked-for to ready, making room included."""

    model: PreTrainedModel
    attached: Attached | None
    load_s: float
    load_kind: LoadKind
    memory_bytes: int
    facts: LaneFacts


@dataclass(slots=True)
class _Entry:
    label: str
    base: Base
    adapters: dict[str, Loaded] = field(default_factory=dict)
    """By key."""
    trees: dict[str, Tree] = field(default_factory=dict)
    """By what of a runtime is in the tree."""
    views: dict[tuple[str, tuple[str | None, ...]], Attached] = field(default_factory=dict)
    """By their tree, and the keys of their rows' adapters."""
    parked: HostCopy | None = None
    """Its tensors, while it waits in the host's memory."""

    @property
    def memory_bytes(self) -> int:
        return self.base.memory_bytes + sum(loaded.memory_bytes for loaded in self.adapters.values())

    def tensors(self) -> Iterator[torch.Tensor]:
        yield from tensors_of(self.base.model)
        for loaded in self.adapters.values():
            yield from loaded.parameters.values()

    def detach(self, key: str) -> None:
        """Forgets an adapter, and every view that shows it."""
        del self.adapters[key]
        for place in [place for place in self.views if key in place[1]]:
            del self.views[place]


class Pool:
    """`budget_bytes`: what loaded variants and their KV caches may take together. `host_budget_bytes`: what evicted ones may hold in
    the host's memory while they wait to come back; 0 where that is the device's own."""

    def __init__(self, device: Device, copies: Copies, budget_bytes: int, host_budget_bytes: int = 0) -> None:
        self._device, self._copies = device, copies
        self.budget_bytes, self.host_budget_bytes = budget_bytes, host_budget_bytes
        self._entries: OrderedDict[BaseSpec, _Entry] = OrderedDict()
        self._waiting: OrderedDict[BaseSpec, _Entry] = OrderedDict()

    @property
    def used_bytes(self) -> int:
        return sum(entry.memory_bytes for entry in self._entries.values())

    @property
    def host_used_bytes(self) -> int:
        return sum(entry.parked.memory_bytes for entry in self._waiting.values() if entry.parked)

    def check_alone(self, plan: VariantPlan) -> None:
        """Raises NoMemory if the variant cannot fit even with nothing else loaded."""
        need = plan.base_bytes + sum(map(plan.adapter_bytes, plan.adapters.values())) + plan.kv_bytes
        if need > self.budget_bytes:
            message = f"{plan.base.weights.scheme} needs {gigabytes(need)}, the memory budget is {gigabytes(self.budget_bytes)}"
            raise NoMemory(message + _smaller(plan, self.budget_bytes))

    def check_together(self, lanes: Sequence[VariantPlan]) -> None:
        """Raises NoMemory if these lanes' variants and KV caches cannot all be resident at once."""
        bases = {plan.base: plan.base_bytes for plan in lanes}
        adapters = {(plan.base, key): plan.adapter_bytes(one) for plan in lanes for key, one in plan.adapters.items()}
        need = sum(bases.values()) + sum(adapters.values()) + sum(plan.kv_bytes for plan in lanes)
        if need > self.budget_bytes:
            raise NoMemory(
                f"these lanes need {gigabytes(need)} at once, the memory budget is {gigabytes(self.budget_bytes)};"
                " use the exclusive schedule, which holds one lane at a time, or fewer lanes"
            )

    def acquire(self, plan: VariantPlan, together: Sequence[VariantPlan], report_status: StatusCallback) -> Resident:
        """The variant, loaded if it is not resident. `together`: the lanes that must stay resident with it, itself included.

        Raises NoMemory, LoadError, AdapterError, torch.OutOfMemoryError.
        """
        began = time.perf_counter()
        self._make_room(plan, together)
        entry, kind, besides_s = self._base(plan, report_status)
        tree, read_back_s = self._tree(entry, plan.lane.variant.runtime)
        views, besides_s = len(entry.views), besides_s + read_back_s
        attached = self._attached(entry, tree, plan, report_status) if plan.rows else None
        if len(entry.views) > views and kind == "resident":
            kind = "attached"
        memory = entry.base.memory_bytes + sum(entry.adapters[key].memory_bytes for key in plan.adapters)
        facts, model = entry.base.facts | tree.facts, tree.model
        if attached is not None:
            facts, model = facts | attached.facts, attached.model
        return Resident(model, attached, time.perf_counter() - began - besides_s, kind, memory, facts)

    def _base(self, plan: VariantPlan, report_status: StatusCallback) -> tuple[_Entry, LoadKind, float]:
        """The base and where it came from; and how long what is no part of getting ready took: writing a copy for the next time."""
        spec, besides_s = plan.base, 0.0
        kind: LoadKind = "resident"
        entry = self._entries.get(spec)
        if entry is None and (entry := self._waiting.get(spec)) is not None and entry.parked is not None:
            report_status("bringing it back from the host's memory")
            entry.parked.bring_back()
            entry.parked, kind = None, "host"
            self._entries[spec] = self._waiting.pop(spec)
        elif entry is None:
            base = load_base(plan.folder, spec, self._device, self._copies, report_status, plan.merging, plan.lane.variant.runtime)
            entry = self._entries[spec] = _Entry(plan.label, base)
            kind, besides_s = base.kind, base.facts.copy_s or 0.0
            self._device.trim()
        self._entries.move_to_end(spec)
        return entry, kind, besides_s

    def _tree(self, entry: _Entry, runtime: Runtime) -> tuple[Tree, float]:
        """The base's module tree for a runtime; and how long it took to read back which operators run, the first time."""
        key = tree_key(runtime)
        if key in entry.trees:
            return entry.trees[key], 0.0
        tree = entry.trees[key] = tree_of(entry.base, runtime, self._device)
        return tree, tree.facts.read_back_s or 0.0

    def _attached(self, entry: _Entry, tree: Tree, plan: VariantPlan, report_status: StatusCallback) -> Attached:
        """The base under the lane's adapters: those that are not known to it yet are read, and a view of it is made if there is none."""
        for key, adapter in plan.adapters.items():
            if key not in entry.adapters:
                entry.adapters[key] = load_adapter(entry.base.model, adapter, plan.base.dtype, self._device)
        rows = tuple(adapter.key if adapter is not None else None for adapter in plan.rows)
        place = tree_key(plan.lane.variant.runtime), rows
        if place not in entry.views:
            report_status(f"attaching {', '.join(one.name for one in plan.adapters.values())}")
            try:
                entry.views[place] = attach(tree.model, [entry.adapters[key] if key is not None else None for key in rows])
            except AdapterError:
                for key in plan.adapters:
                    entry.detach(key)
                raise
        return entry.views[place]

    def residents(self) -> tuple[ResidentFacts, ...]:
        """What is loaded; each base is followed by the adapters that hang on it."""
        places: tuple[tuple[Place, OrderedDict[BaseSpec, _Entry]], ...] = (("device", self._entries), ("host", self._waiting))
        return tuple(
            one for where, entries in places for spec, entry in list(entries.items()) for one in self._resident_facts(spec, entry, where)
        )

    def _resident_facts(self, spec: BaseSpec, entry: _Entry, where: Place) -> Iterator[ResidentFacts]:
        yield ResidentFacts(key=self._key(spec), label=entry.label, memory_bytes=entry.base.memory_bytes, where=where)
        for key, loaded in list(entry.adapters.items()):
            label = f"{entry.label} + {loaded.adapter.name}"
            yield ResidentFacts(key=self._key(spec, key), label=label, memory_bytes=loaded.memory_bytes, where=where)

    def evict(self, key: str | None) -> None:
        """The resident of this key, a base with its adapters, wherever it is; all with None. Raises EngineError if there is none."""
        if key is None:
            return self.clear()
        places = ((entries, place) for entries in (self._entries, self._waiting) if (place := self._place(entries, key)))
        entries, place = next(places, (None, None))
        if entries is None or place is None:
            raise EngineError(NOT_LOADED)
        spec, adapter = place
        if adapter is None:
            del entries[spec]  # no name may still hold it while it is released
        elif entries is self._waiting:
            raise EngineError("an adapter that waits in the host's memory goes with its base; evict that one")
        else:
            entries[spec].detach(adapter)
        return self._device.release()

    def _place(self, entries: OrderedDict[BaseSpec, _Entry], key: str) -> tuple[BaseSpec, str | None] | None:
        """What the key stands for: a base, or an adapter on it."""
        named = [(spec, adapter) for spec, entry in entries.items() for adapter in (None, *entry.adapters)]
        return next(((spec, adapter) for spec, adapter in named if self._key(spec, adapter or "") == key), None)

    def _key(self, spec: BaseSpec, adapter: str = "") -> str:
        return hashlib.sha256(repr((self._device.name, spec, adapter)).encode()).hexdigest()[:16]

    def clear(self) -> None:
        """Evicts everything."""
        self._entries.clear()
        self._waiting.clear()
        self._device.release()

    def _make_room(self, plan: VariantPlan, together: Sequence[VariantPlan]) -> None:
        """Evicts, least recently used first, what the lanes of this run do not need, until what is missing and the KV caches fit."""
        bases = {lane.base for lane in together}
        adapters = {(lane.base, key) for lane in together for key in lane.adapters}
        need = sum(lane.kv_bytes for lane in together) + self._missing_bytes(plan)
        used_before = self.used_bytes
        for spec in [spec for spec in self._entries if spec not in bases]:
            if self.used_bytes + need > self.budget_bytes:
                self._make_wait(spec, self._entries.pop(spec))
        for spec, entry in self._entries.items():
            for key in [key for key in entry.adapters if (spec, key) not in adapters]:
                if self.used_bytes + need > self.budget_bytes:
                    entry.detach(key)
        if self.used_bytes < used_before:
            self._device.release()
        if self.used_bytes + need > self.budget_bytes:
            free = gigabytes(max(0, self.budget_bytes - self.used_bytes))
            raise NoMemory(f"{plan.base.weights.scheme} needs {gigabytes(need)}, {free} of the memory budget is free")

    def _missing_bytes(self, plan: VariantPlan) -> int:
        """What of the variant is not on the device yet."""
        entry, waiting = self._entries.get(plan.base), self._waiting.get(plan.base)
        there = entry or waiting
        base_bytes = 0 if entry else waiting.memory_bytes if waiting else plan.base_bytes
        known = there.adapters if there else {}
        return base_bytes + sum(plan.adapter_bytes(one) for key, one in plan.adapters.items() if key not in known)

    def _make_wait(self, spec: BaseSpec, entry: _Entry) -> None:
        """Out of the device into the host's memory, if it has room there; those that wait longest go first."""
        if entry.memory_bytes > self.host_budget_bytes:
            return
        while self.host_used_bytes + entry.memory_bytes > self.host_budget_bytes:
            self._waiting.popitem(last=False)
        try:
            entry.parked = HostCopy(entry.tensors(), self._device)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            return  # the host has less room than it seemed: it is dropped, as without a budget
        self._waiting[spec] = entry


def tree_key(runtime: Runtime) -> str:
    """Lanes whose runtimes have the same one can share a module tree."""
    return repr(sorted(runtime.load_arguments().items()))


def _smaller(plan: VariantPlan, budget: int) -> str:
    """The largest precision that would fit, as a hint."""
    fixed = sum(map(plan.adapter_bytes, plan.adapters.values())) + plan.kv_bytes
    sizes = {precision: plan.model_sizes.weight_bytes(scheme()) + fixed for precision, scheme in SCHEMES.items()}
    fitting = {precision: size for precision, size in sizes.items() if size <= budget}
    if not fitting:
        return "; no precision of this model fits"
    best = max(fitting, key=fitting.__getitem__)
    return f". Try {best} ({gigabytes(fitting[best])})"


def gigabytes(count: int) -> str:
    """Bytes in 10⁹ (or 10⁶) units, three significant figures."""
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"
