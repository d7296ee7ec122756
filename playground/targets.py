"""What counts as fast enough: published limits that a lane's figures can be held against, as lines on the charts. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_SEED = 'Latency Optimization, section 7, "Target Latency Benchmarks (Interactive AI)"'
_MLPERF = (
    "MLPerf Inference rules, inference_rules.adoc of mlcommons/inference_policies at ac93e89 (23 July 2026), "
    "datacenter benchmarks; a limit for the 99th percentile of requests to a server under load"
)


@dataclass(frozen=True, slots=True)
class Target:
    """Upper limits in seconds; None: this target says nothing of the metric."""

    name: str
    title: str
    ttft_s: float | None
    tpot_s: float | None
    e2e_s: tuple[float, float] | None
    """From ideal to still good: the source gives a span."""
    source: str
    """Which text says so, and what was read into it."""


TARGETS = (
    Target("chat", "Chat", 0.2, None, None, _SEED),
    Target("voice", "Voice assistant", 0.3, None, None, f"{_SEED}; it names no metric here, read as TTFT like that of chat"),
    Target("search", "Search assistant", 0.5, None, None, f"{_SEED}; it names no metric here, read as TTFT like that of chat"),
    Target("documents", "Document generation", None, None, (1.0, 2.0), f"{_SEED}; it names no metric here, read as E2E"),
    Target("mlperf-llama3.1-8b", "MLPerf interactive, Llama 3.1 8B", 0.5, 0.03, None, _MLPERF),
    Target("mlperf-llama2-70b", "MLPerf interactive, Llama 2 70B", 0.45, 0.04, None, _MLPERF),
    Target("mlperf-llama3.1-405b", "MLPerf interactive, Llama 3.1 405B", 4.5, 0.08, None, _MLPERF),
)


def targets() -> list[dict[str, Any]]:
    """The targets as plain JSON values: the fields of `Target`, `e2e_s` as a list of two or null."""
    return [asdict(target) | {"e2e_s": list(target.e2e_s) if target.e2e_s else None} for target in TARGETS]
