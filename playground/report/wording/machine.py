"""The machine in words: what it is, and whether it was quiet."""

from __future__ import annotations

from typing import assert_never

from playground.analysis.machine_noise import Disturbance, disturbances
from playground.formatting import count, share, size
from playground.timeline.environment import Environment
from playground.timeline.state import RunState

SCRIPTED = "scripted timeline, nothing is measured"


def environment_words(environment: Environment) -> str:
    """The machine in one line: device, threads, torch, memory that variants may use."""
    environment = next((one for one in environment.devices if one.engine != "scripted"), environment)
    if environment.engine == "scripted":
        return SCRIPTED[0].upper() + SCRIPTED[1:]
    parts = [environment.name or "unknown device"]
    if environment.threads:
        parts.append(count(environment.threads, "thread"))
    if torch := environment.versions.get("torch"):
        parts.append(f"torch {torch}")
    if environment.memory_budget_bytes:
        parts.append(f"{size(environment.memory_budget_bytes)} for variants")
    return " · ".join(parts)


def noise_words(view: RunState) -> str:
    """What disturbed the measurement, in one line; empty when nothing was noticed."""
    found = [disturbance_words(one) for one in disturbances(view)]
    return f"Not a quiet machine: {'; '.join(found)}." if found else ""


def disturbance_words(found: Disturbance) -> str:
    where = f"in {found.repeats} of {count(found.of, 'repeat')}"
    match found.kind:
        case "others":
            programs = "other programs (this page and its browser among them, if they ran here)"
            return f"{programs} took up to {share(found.most)} of the processor {where}"
        case "stolen":
            return f"the host of this virtual machine took up to {share(found.most)} of the processor {where}"
        case "swap":
            return f"up to {size(int(found.most))} went to or from swap {where}"
        case "throttling":
            return f"the clock was held back for heat or power {where}"
        case "clock":
            return f"the clock lay between {share(found.least)} and {share(found.most)} of its highest"
        case _:
            assert_never(found.kind)
