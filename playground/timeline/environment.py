"""The machine and what runs on it, as an engine states it; a run keeps it as it stood when the run began."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from playground.timeline.facts import Facts

Place = Literal["device", "host"]
"""Where a variant is held; host: it had to make room, and waits in the host's memory."""


class Cuda(Facts):
    """CUDA as torch sees it."""

    available: bool | None = None
    build: str | None = None
    """The version that torch was built for; None: built without it."""
    driver: str | None = None
    devices: tuple[str, ...] = ()
    """Their names, by index."""

    @property
    def lane_devices(self) -> tuple[str, ...]:
        """What a lane may name on this machine: the CPU, and each CUDA device."""
        return ("cpu", *(f"cuda:{index}" for index in range(len(self.devices))))


class ResidentFacts(Facts):
    """A loaded base, or an adapter that hangs on one."""

    key: str
    """What it is evicted by."""
    label: str
    """`smollm2-135m nf4`; of an adapter `smollm2-135m nf4 + faq`."""
    memory_bytes: int
    where: Place = "device"


class Environment(Facts):
    """One device, its machine and its software, or, of a run on several devices, the first one's with the others beside it."""

    engine: str | None = None
    """The kind: "local", "scripted", …"""
    device: str | None = None
    """As lanes name it: "cpu", "cuda:0"."""
    device_name: str | None = None
    cpu: str | None = None
    cpu_capability: str | None = None
    """The instructions that torch uses."""
    threads: int | None = None
    """Of one operation on the CPU."""
    clock_mhz: int | float | None = None
    clock_max_mhz: int | float | None = None
    cuda: Cuda | None = None
    versions: dict[str, str | None] = Field(default_factory=dict)
    """Of Python and of packages; None: not installed."""
    kernels_package: bool | None = None
    """Whether the package `kernels` is installed, with which libraries may change what runs."""
    git_commit: str | None = None
    platform: str | None = None
    hub_reachable: bool | None = None

    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    memory_budget_bytes: int | None = None
    """What loaded variants and their KV caches may take together."""
    memory_used_bytes: int | None = None
    memory_other_bytes: int | None = None
    """Held on the device by others than this engine's tensors; None where nobody can tell."""
    host_budget_bytes: int | None = None
    """What variants that had to make room may take of the host's memory; 0: they do not wait there."""
    host_used_bytes: int | None = None
    host_is_device: bool | None = None
    """A CPU: nothing waits, it would only be held twice."""
    copies_bytes: int | None = None
    """Of pre-quantized copies, on disk."""
    residents: tuple[ResidentFacts, ...] = ()
    other_devices: tuple[Environment, ...] = ()

    @property
    def name(self) -> str:
        """What to call the device; empty when nothing is stated."""
        return self.device_name or self.device or ""

    @property
    def is_cuda(self) -> bool:
        return (self.device or "").startswith("cuda")

    @property
    def devices(self) -> tuple[Environment, ...]:
        """This device and the others."""
        return (self, *self.other_devices)
