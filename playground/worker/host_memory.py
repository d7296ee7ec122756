"""A device's tensors moved out into the host's memory, where an evicted variant waits, and back again.

Module trees stay as they are: each tensor keeps its identity and is only given other storage, so views of a base, tied weights and
quantization states need no rebuilding, and whatever precision a variant has, its bytes come back as they left.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from playground.worker.device import Device


class HostCopy:
    """Storage of some tensors, in the host's memory; pinned where the device is CUDA, so that it comes back at the bus's full speed."""

    def __init__(self, tensors: Iterable[torch.Tensor], device: Device) -> None:
        self._device = device
        self._tensors = list({id(tensor): tensor for tensor in tensors}.values())
        self._places = [(tensor.untyped_storage().data_ptr(), _shape(tensor)) for tensor in self._tensors]
        storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage() for tensor in self._tensors}
        self._held = {place: self._out(storage) for place, storage in storages.items()}
        device.synchronize()
        self._give({place: held.untyped_storage() for place, held in self._held.items()})

    @property
    def memory_bytes(self) -> int:
        return sum(held.nbytes for held in self._held.values())

    def bring_back(self) -> None:
        """Every tensor is on the device again. Raises torch.OutOfMemoryError, with everything still parked, when there is no room."""
        back = {place: held.to(self._device.torch, non_blocking=True, copy=True) for place, held in self._held.items()}
        self._device.synchronize()
        self._give({place: one.untyped_storage() for place, one in back.items()})
        self._held.clear()

    def _out(self, storage: torch.UntypedStorage) -> torch.Tensor:
        """The bytes of a storage, in the host's memory."""
        source = torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)
        held = torch.empty(len(source), dtype=torch.uint8, pin_memory=self._device.is_cuda)
        held.copy_(source, non_blocking=True)
        return held

    def _give(self, storages: dict[int, torch.UntypedStorage]) -> None:
        for tensor, (place, (offset, size, stride)) in zip(self._tensors, self._places, strict=True):
            storage = storages[place]
            tensor.data = torch.empty(0, dtype=tensor.dtype, device=storage.device).set_(storage, offset, size, stride)


def _shape(tensor: torch.Tensor) -> tuple[int, torch.Size, tuple[int, ...]]:
    return int(tensor.storage_offset()), tensor.size(), tensor.stride()
