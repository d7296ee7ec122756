"""What one repeat of a lane holds on its device: weights, KV cache and the rest, read while nobody's counted clock runs.

The KV cache is walked: a hook on the model notes the cache that each forward hands on. The rest is the device's own: on CUDA the
allocator's peak; on the CPU, which has none, what this process's anonymous memory (RssAnon) grew by.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from greenlet import getcurrent
from transformers import PreTrainedModel

from playground.timeline.trace import Memory
from playground.worker.device import Device


class Footprint:
    """Of one repeat. `memory` is known once the repeat has ended."""

    def __init__(self, device: Device, model: PreTrainedModel, weights_bytes: int) -> None:
        self._device, self._model, self._weights_bytes = device, model, weights_bytes
        self._cache: Any = None
        self._cache_bytes: int | None = None
        self._held_bytes = self._most_bytes = 0
        self._mine = getcurrent()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around `generate`. Each forward is looked at, so the repeat must not be one that counts."""
        self._device.trim()  # what was freed and kept would hide what is taken now
        self._held_bytes = self._most_bytes = self._device.begin_peak()
        hook = self._model.register_forward_hook(self._after_forward)
        try:
            yield
        finally:
            hook.remove()
            self._cache_bytes = _tensor_bytes(self._cache)
            self._most_bytes = max(self._most_bytes, self._device.peak_bytes())
            self._cache = None

    def _after_forward(self, _module: torch.nn.Module, _inputs: object, output: Any) -> None:
        if getcurrent() is self._mine:  # else another lane of this very model
            self._cache = getattr(output, "past_key_values", None)
            self._most_bytes = max(self._most_bytes, self._device.peak_bytes())

    @property
    def memory(self) -> Memory:
        taken = self._most_bytes - self._held_bytes
        return Memory(
            weights_bytes=self._weights_bytes,
            kv_bytes=self._cache_bytes,
            rest_bytes=max(0, taken - (self._cache_bytes or 0)),
            reserved_bytes=self._device.peak_reserved_bytes(),
        )


def _tensor_bytes(cache: Any) -> int | None:
    """All storages that the cache's tensors lie in, a layer's keys and values among them; None when there is no cache."""
    if cache is None:
        return None
    storages: dict[int, int] = {}
    for tensor in _tensors(cache, set()):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
    return sum(storages.values())


def _tensors(value: Any, seen: set[int]) -> Iterator[torch.Tensor]:
    """Of a cache of any class: attributes, lists and mappings are followed."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _tensors(one, seen)
    elif type(value).__module__.startswith("transformers.cache_utils"):
        yield from _tensors(vars(value), seen)
