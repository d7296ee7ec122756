"""What is loaded and how much memory it takes: a thin bar in the top line, and a panel where variants can be evicted.

Words and shares are worked out here; `pool.js` draws them, and writes every label with `textContent`.
"""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from playground.formatting import count, size
from playground.timeline.environment import Environment, ResidentFacts
from playground.ui.live.feed import record
from playground.ui.static import Static

OTHERS = "other programs, and CUDA itself"
ADAPTER = " + "
"""In the label of an adapter on a base, which goes with its base while that waits."""
EVICTED = "An evicted variant is loaded again when a run needs it."
WAITS = "A variant that must make room for others waits in the host’s memory and comes back from there; one evicted here is loaded again."
DROPPED = (
    "On a CPU the host’s memory is the device’s, so an evicted variant is dropped and comes back from its files or its pre-quantized copy."
)
TEMPLATE = """
<details class="lp-pool" data-known="false">
  <summary aria-label="Memory"><span class="lp-pool-words">Memory</span><span class="lp-pool-bar"></span></summary>
  <div class="lp-pool-panel">
    <div class="lp-pool-devices"></div>
    <p class="lp-pool-outcome" role="status"></p>
    <p class="lp-pool-hint"></p>
    <p class="lp-pool-copies"></p>
  </div>
</details>
"""


def pool_view(static: Static) -> Any:
    """The component. It is only ever an output; a pressed "Evict" comes as its `input` event, with the resident's `key`."""
    return gr.HTML(value="", html_template=TEMPLATE, js_on_load=static.on_load("pool/pool.js"), apply_default_css=False, elem_id="pool")


def pool_value(environment: Environment, outcome: str = "") -> str:
    """The component's value. `outcome`: what came of an eviction. Two are never equal, so that each is drawn."""
    devices = [_device(one) for one in environment.devices]
    residents = [resident for device in devices for resident in device["residents"]]
    used = sum(device["used_bytes"] for device in devices)
    budget = sum(device["budget_bytes"] for device in devices)
    loaded = f"{count(len(residents), 'variant')} resident, {size(used)} of {size(budget)}"
    summary = loaded if residents else f"Nothing loaded, {size(budget)} for variants"
    notes = {"hint": _hint(environment), "copies": _copies(environment)}
    return record({"summary": summary, "devices": devices, "outcome": outcome, **notes, "at": time.time_ns()})


def _hint(environment: Environment) -> str:
    """What becomes of an evicted variant here."""
    if environment.host_is_device:
        return DROPPED
    return WAITS if environment.host_budget_bytes else EVICTED


def _copies(environment: Environment) -> str:
    """What lies on the disk; empty when nothing does, or nobody knows."""
    held = environment.copies_bytes
    return f"Pre-quantized copies on disk: {size(held)} (python -m playground cache)" if held else ""


def label_of(environment: Environment, key: str) -> str:
    """The resident's label; the key itself if there is none."""
    return next((one.label for device in environment.devices for one in device.residents if one.key == key), key)


def pool_problem(sentence: str) -> str:
    """The component's value when there is no device to tell of."""
    return record({"summary": "Memory not known", "devices": [], "outcome": sentence, "hint": EVICTED, "copies": "", "at": time.time_ns()})


def _device(environment: Environment) -> dict[str, Any]:
    """One device. The bar's whole is its budget; where others are known, the device's memory."""
    residents = [_resident(one) for one in environment.residents if one.where == "device"]
    waiting = [_resident(one) | {"evictable": ADAPTER not in one.label} for one in environment.residents if one.where == "host"]
    used, budget = sum(one["bytes"] for one in residents), environment.memory_budget_bytes or 0
    other = environment.memory_other_bytes
    known = [] if other is None else [{"label": OTHERS, "bytes": other, "size": size(other)}]
    whole = max(budget if other is None else environment.memory_total_bytes or 0, used + (other or 0), 1)
    return {
        "name": environment.name or "device",
        "words": f"{size(used)} of {size(budget)} for variants",
        "used_bytes": used,
        "budget_bytes": budget,
        "residents": [one | {"share": one["bytes"] / whole} for one in residents],
        "others": [one | {"share": one["bytes"] / whole} for one in known],
        "waiting": waiting,
        "host_words": _host_words(environment, sum(one["bytes"] for one in waiting)),
        "whole_bytes": whole,
    }


def _host_words(environment: Environment, waiting_bytes: int) -> str:
    """How much of the host's memory they may have is taken by those that wait; empty where nothing can wait."""
    budget, used = environment.host_budget_bytes, environment.host_used_bytes
    return f"{size(waiting_bytes if used is None else used)} of {size(budget)}" if budget else ""


def _resident(one: ResidentFacts) -> dict[str, Any]:
    return {"key": one.key, "label": one.label, "bytes": one.memory_bytes, "size": size(one.memory_bytes)}
