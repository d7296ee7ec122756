"""What the pool in the page's top line is told: words and shares."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.engines.registry import ScriptedFleet
from playground.engines.scripted import ScriptedEngine
from playground.errors import EngineError
from playground.settings import Settings
from playground.timeline.environment import Environment, Place, ResidentFacts
from playground.ui.machine import Machine
from playground.ui.pool.pool import DROPPED, EVICTED, OTHERS, WAITS, pool_value

MB = 1_000_000


def resident(label: str, memory_bytes: int, where: Place = "device") -> ResidentFacts:
    return ResidentFacts(key=f"key of {label}", label=label, memory_bytes=memory_bytes, where=where)


def environment(*residents: ResidentFacts, **more: Any) -> Environment:
    fields = {"device_name": "H200", "memory_total_bytes": 2000 * MB, "memory_budget_bytes": 1000 * MB, "residents": residents}
    return Environment.model_validate(fields | more)


def told(found: Environment) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(pool_value(found))
    return value


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (environment(), "Nothing loaded, 1.00 GB for variants"),
        (environment(resident("a", 269 * MB)), "1 variant resident, 269 MB of 1.00 GB"),
        (environment(resident("a", 269 * MB), resident("b", 110 * MB)), "2 variants resident, 379 MB of 1.00 GB"),
        (
            environment(resident("a", 100 * MB), other_devices=[environment(resident("b", 200 * MB))]),
            "2 variants resident, 300 MB of 2.00 GB",
        ),
    ],
)
def test_in_one_line(found: Environment, words: str) -> None:
    assert told(found)["summary"] == words


def test_on_a_cpu_the_bar_is_the_budget() -> None:
    [device] = told(environment(resident("a", 250 * MB)))["devices"]
    assert [one["share"] for one in device["residents"]] == [0.25]
    assert device["others"] == []


def test_where_others_are_known_the_bar_is_the_device() -> None:
    [device] = told(environment(resident("a", 250 * MB), memory_other_bytes=500 * MB))["devices"]
    assert [one["share"] for one in device["residents"]] == [0.125]
    assert [(one["label"], one["size"], one["share"]) for one in device["others"]] == [(OTHERS, "500 MB", 0.25)]


def test_what_waits_in_the_hosts_memory_stands_apart() -> None:
    away = resident("b", 110 * MB, "host")
    adapter = resident("b + faq", 2 * MB, "host")
    found = environment(resident("a", 250 * MB), away, adapter, host_budget_bytes=4000 * MB, host_used_bytes=110 * MB)
    value = told(found)
    [device] = value["devices"]
    assert value["summary"] == "1 variant resident, 250 MB of 1.00 GB"
    assert [one["label"] for one in device["residents"]] == ["a"]
    assert [(one["key"], one["size"], one["evictable"]) for one in device["waiting"]] == [
        ("key of b", "110 MB", True),
        ("key of b + faq", "2.00 MB", False),
    ]
    assert device["host_words"] == "110 MB of 4.00 GB"
    assert value["hint"] == WAITS


@pytest.mark.parametrize(("more", "hint"), [({}, EVICTED), ({"host_is_device": True, "host_budget_bytes": 0}, DROPPED)])
def test_what_becomes_of_an_evicted_variant_is_said(more: dict[str, Any], hint: str) -> None:
    assert told(environment(**more))["hint"] == hint


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, ""),
        ({"copies_bytes": 0}, ""),
        ({"copies_bytes": 273 * MB}, "Pre-quantized copies on disk: 273 MB (python -m playground cache)"),
    ],
)
def test_copies_on_the_disk_are_told_when_there_are_any(more: dict[str, Any], said: str) -> None:
    assert told(environment(**more))["copies"] == said


@given(st.lists(st.integers(1, 10**12)), st.none() | st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12))
def test_shares_never_exceed_the_bar(sizes: list[int], others: int | None, budget: int, total: int) -> None:
    found = environment(*(resident(str(index), size) for index, size in enumerate(sizes)))
    found |= Environment(memory_budget_bytes=budget, memory_total_bytes=total, memory_other_bytes=others)
    [device] = told(found)["devices"]
    shares = [one["share"] for one in (*device["residents"], *device["others"])]
    assert all(share >= 0 for share in shares)
    assert sum(shares) <= 1 + 1e-9


def test_no_label_can_be_taken_for_markup_on_its_way() -> None:
    assert "<" not in pool_value(environment(resident("<img src=x onerror=alert(1)>", MB)), "<b>said</b>")


def test_the_same_state_twice_is_drawn_twice() -> None:
    """Or a second refusal in the same words would leave the buttons waiting."""
    assert pool_value(environment()) != pool_value(environment())


class NoDevice(ScriptedFleet):
    def environment(self) -> Environment:
        raise EngineError("the worker process did not start")


def press(machine: Machine, **data: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(machine.evict(gr.EventData(None, data)))
    return value


@pytest.mark.parametrize("data", [{"key": "nothing"}, {"key": ["a", "list"]}, {}])
def test_what_was_pressed_may_be_gone_or_made_up(data: dict[str, Any]) -> None:
    machine = Machine(ScriptedFleet(ScriptedEngine()), Settings())
    assert press(machine, **data)["outcome"] == "Not evicted: this variant is not loaded any more."


def test_without_a_device_it_says_so() -> None:
    machine = Machine(NoDevice(ScriptedEngine()), Settings())
    for value in (json.loads(machine.pool()), press(machine, key="a")):
        assert value["devices"] == []
        assert value["outcome"] == "The device is not available: the worker process did not start"
