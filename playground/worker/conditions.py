"""What the machine does besides decoding: read just before a repeat's clock starts and just after it stops, never in between.

Everything is a difference of the system's own counters; what a system does not tell (clocks in most virtual machines) is None.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from playground.timeline.trace import Conditions

LEAST_S = 0.25
"""Processor time is counted in hundredths of a second: over a shorter repeat its shares would say nothing."""
_THROTTLES = "cpu[0-9]*/thermal_throttle/core_throttle_count"
_SLOWED = 0x04 | 0x08 | 0x20 | 0x40 | 0x80
"""Of nvml's clock event reasons: power cap, hardware slowdown, and the thermal and power-brake ones."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The system's counters at one moment; None: not told here. Times in seconds."""

    at_s: float
    busy_s: float
    """Of all cores, by anybody; time that was stolen is not in it."""
    own_s: float
    """Of this process."""
    stolen_s: float | None
    swapped_bytes: int | None
    throttled: int | None
    waited: int | None


@dataclass(frozen=True, slots=True)
class Clock:
    """Of the processor or GPU, in MHz. `slowed`: whether it says that it holds itself back now; None: it does not say."""

    mhz: float
    most_mhz: float
    slowed: bool | None = None


class Watch:
    """Reads the counters. `clock`: of the device; None where it cannot be read. `read`: the counters now."""

    def __init__(self, clock: Callable[[], Clock | None], read: Callable[[], Counters] | None = None, cores: int | None = None) -> None:
        self.clock, self._read = clock, read or counters
        self._cores = cores or psutil.cpu_count() or 1

    def mark(self) -> Counters:
        return self._read()

    def since(self, before: Counters) -> Conditions:
        after, clock = self._read(), self.clock()
        elapsed_s = after.at_s - before.at_s
        whole_s = elapsed_s * self._cores if elapsed_s >= LEAST_S else None
        others_s = after.busy_s - before.busy_s - (after.own_s - before.own_s)
        slowed = None if clock is None or clock.slowed is None else int(clock.slowed)
        throttled = _more(before.throttled, after.throttled)
        return Conditions(
            others_share=_share(others_s, whole_s),
            stolen_share=_share(None if after.stolen_s is None else after.stolen_s - (before.stolen_s or 0.0), whole_s),
            swapped_bytes=_more(before.swapped_bytes, after.swapped_bytes),
            throttled=throttled if slowed is None else slowed + (throttled or 0),
            clock_share=None if clock is None else round(clock.mhz / clock.most_mhz, 4),
            waited=_more(before.waited, after.waited),
        )


def _share(part_s: float | None, whole_s: float | None) -> float | None:
    return None if part_s is None or whole_s is None else round(min(1.0, max(0.0, part_s / whole_s)), 4)


def _more(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def counters() -> Counters:
    """This system's, now; some tens of microseconds."""
    times, own = psutil.cpu_times(), psutil.Process().cpu_times()
    idle = ("idle", "iowait", "steal", "guest", "guest_nice")  # a guest's time is in user and nice already
    swap = psutil.swap_memory()
    return Counters(
        at_s=time.perf_counter(),
        busy_s=sum(value for name, value in times._asdict().items() if name not in idle),
        own_s=own.user + own.system,
        stolen_s=getattr(times, "steal", None),
        swapped_bytes=swap.sin + swap.sout,
        throttled=_throttled(),
        waited=_waited(),
    )


def _throttled() -> int | None:
    files = list(Path("/sys/devices/system/cpu").glob(_THROTTLES))
    return sum(int(file.read_text()) for file in files) if files else None


def _waited() -> int | None:
    if sys.platform != "linux":
        return None
    import resource  # Unix only

    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


def cpu_clock() -> Clock | None:
    """Of the cores on average; None where the system does not say how fast they may be, as in most virtual machines."""
    try:
        found = psutil.cpu_freq()
    except (OSError, NotImplementedError):
        return None
    return Clock(found.current, found.max) if found and found.max else None


def gpu_clock(index: int) -> Clock | None:
    """Of a CUDA device's multiprocessors, by NVIDIA's management library; None without it. `index`: as CUDA counts them."""
    try:
        import pynvml
        import torch

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(index).uuid}")
        now, most = (ask(handle, pynvml.NVML_CLOCK_SM) for ask in (pynvml.nvmlDeviceGetClockInfo, pynvml.nvmlDeviceGetMaxClockInfo))
        reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    except (ImportError, AttributeError, RuntimeError, OSError):
        return None
    except pynvml.NVMLError:
        return None
    return Clock(float(now), float(most), bool(reasons & _SLOWED))
