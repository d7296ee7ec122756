"""One torch device: its clock's synchronization, its random state, its memory, and what it is."""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import importlib.util
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import psutil
import torch

from playground.settings import ROOT
from playground.timeline.environment import Cuda, Environment
from playground.worker.conditions import Watch, cpu_clock, gpu_clock

# Limit, use, and which lines of memory.stat are file cache, which the kernel gives back when it is needed (cgroup v2, v1).
_CGROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", ("inactive_file", "active_file")),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
)
_PACKAGES = ("torch", "transformers", "bitsandbytes", "peft", "accelerate", "tokenizers", "greenlet")
_BUDGET_SHARE = 0.8
_HOST_SHARE = 0.25


class DeviceError(Exception):
    """There is no such device here; the text is one sentence for the reader."""


class Device:
    """`name`: "cpu", "cuda:0", …; None chooses the first CUDA device if there is one, else the CPU."""

    def __init__(self, name: str | None = None) -> None:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        name = name or ("cuda:0" if count else "cpu")
        if name.startswith("cuda") and int(name.removeprefix("cuda:")) >= count:
            there = ", ".join(["cpu", *(f"cuda:{index}" for index in range(count))])
            raise DeviceError(f"device {name} is not on this machine (allowed: {there})")
        self.name = name
        self.torch = torch.device(name)
        self.is_cuda = self.torch.type == "cuda"
        self.watch = Watch(partial(gpu_clock, self.torch.index or 0) if self.is_cuda else cpu_clock)

    def enter_thread(self) -> None:
        """Makes the calling thread this device's: its current CUDA device and its grad mode, both of which belong to threads."""
        torch.set_grad_enabled(False)
        if self.is_cuda:
            torch.cuda.set_device(self.torch)

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Within it, the calling thread's work on CUDA goes to a stream of its own, beside that of other threads."""
        if not self.is_cuda:
            yield
            return
        with torch.cuda.stream(torch.cuda.Stream(self.torch)):  # type: ignore[no-untyped-call]
            yield

    def out_of_memory_count(self) -> int:
        """How often an allocation has failed here so far; 0 on the CPU, which does not count."""
        return int(torch.cuda.memory_stats(self.torch).get("num_ooms", 0)) if self.is_cuda else 0

    def synchronize(self) -> None:
        """Waits until the device has done all that the calling thread gave it; a time stamp before that would be the queue's, not the
        work's. On a stream of its own it does not wait for the others'."""
        if not self.is_cuda:
            return
        stream = torch.cuda.current_stream(self.torch)
        if stream == torch.cuda.default_stream(self.torch):
            torch.cuda.synchronize(self.torch)
        else:
            stream.synchronize()

    def random_state(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        return torch.get_rng_state(), torch.cuda.get_rng_state(self.torch) if self.is_cuda else None

    def set_random_state(self, state: tuple[torch.Tensor, torch.Tensor | None]) -> None:
        cpu, cuda = state
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, self.torch)

    def free_bytes(self) -> int:
        """What can still be allocated here, this process's own caches counted as free."""
        if self.is_cuda:
            free, _ = torch.cuda.mem_get_info(self.torch)
            return int(free + torch.cuda.memory_reserved(self.torch) - torch.cuda.memory_allocated(self.torch))
        return _host_free_bytes()

    def total_bytes(self) -> int:
        if self.is_cuda:
            return int(torch.cuda.get_device_properties(self.torch).total_memory)
        return int(psutil.virtual_memory().total)

    def other_bytes(self) -> int | None:
        """What is in use here but not by this process's tensors: other programs, and CUDA itself; None on the CPU."""
        if not self.is_cuda:
            return None
        free, total = torch.cuda.mem_get_info(self.torch)
        return max(0, int(total - free - torch.cuda.memory_reserved(self.torch)))

    def begin_peak(self) -> int:
        """Begins to watch for the most that is held; returns what is held now. See `peak_bytes`."""
        if self.is_cuda:
            torch.cuda.reset_peak_memory_stats(self.torch)
        return self.peak_bytes()

    def peak_bytes(self) -> int:
        """CUDA: the most that this process's tensors held at once since `begin_peak`. CPU: RssAnon, now."""
        return int(torch.cuda.max_memory_allocated(self.torch)) if self.is_cuda else _anonymous_bytes()

    def peak_reserved_bytes(self) -> int | None:
        """CUDA: the most that the allocator had taken since `begin_peak`; None on the CPU."""
        return int(torch.cuda.max_memory_reserved(self.torch)) if self.is_cuda else None

    def default_budget_bytes(self) -> int:
        return int(self.free_bytes() * _BUDGET_SHARE)

    def default_host_budget_bytes(self) -> int:
        return int(_host_free_bytes() * _HOST_SHARE)

    def release(self) -> None:
        """Gives memory that nothing holds any more back to the system (bitsandbytes' 4-bit modules hold a cycle)."""
        gc.collect()
        if self.is_cuda:
            torch.cuda.empty_cache()
        self.trim()

    def trim(self) -> None:
        """The same for what was freed already, which glibc keeps for itself until told: without this what a load needed in passing, and
        evicted models, stay in the process's RSS."""
        _trim()

    def environment(self) -> Environment:
        """What this device is and what runs on it."""
        clock = self.watch.clock()
        return Environment(
            engine="local",
            device=self.name,
            device_name=torch.cuda.get_device_name(self.torch) if self.is_cuda else cpu_name(),
            cpu=cpu_name(),
            threads=torch.get_num_threads(),
            clock_mhz=clock.mhz if clock else None,
            clock_max_mhz=clock.most_mhz if clock else None,
            memory_total_bytes=self.total_bytes(),
            memory_free_bytes=self.free_bytes(),
            cuda=_cuda(),
            versions={"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
            kernels_package=importlib.util.find_spec("kernels") is not None,
            cpu_capability=torch.backends.cpu.get_cpu_capability(),
            git_commit=git_commit(ROOT),
            platform=platform.platform(),
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Also on the CPU, where torch says so only in the text of a RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _anonymous_bytes() -> int:
    """What of this process is in memory and of no file: mapped weights are not in it."""
    held = psutil.Process().memory_info()
    return int(held.rss - getattr(held, "shared", 0))


def _host_free_bytes() -> int:
    return min([int(psutil.virtual_memory().available), *_cgroup_free()])


def _cgroup_free() -> list[int]:
    """What a container's limit leaves; a Space or a pod has less than the machine says."""
    for folder, limit, used, cached in _CGROUPS:
        file = folder / limit
        if file.exists() and (text := file.read_text().strip()).isdigit():
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            in_use = int((folder / used).read_text()) - sum(int(stat.get(name, 0)) for name in cached)
            return [max(0, int(text) - in_use)]
    return []


def _cuda() -> Cuda:
    available = torch.cuda.is_available()
    return Cuda(
        available=available,
        build=torch.version.cuda,
        driver=_driver_version(),
        devices=tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())) if available else (),
    )


def _driver_version() -> str | None:
    """The NVIDIA driver's version as the kernel module tells it, also where torch cannot use it."""
    module = Path("/sys/module/nvidia/version")
    return module.read_text().strip() if module.exists() else None


@cache
def git_commit(folder: Path) -> str | None:
    """The commit that this code is of, ending in -dirty when files differ from it; None where it is no git checkout."""
    where = ["--git-dir", str(folder / ".git"), "--work-tree", str(folder)]
    try:
        found = subprocess.run(
            ["git", *where, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _trim() -> None:
    if platform.system() == "Linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):  # musl has no malloc_trim and needs none
            return
