"""What is said of a lane's loads and of its adapters."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from playground.report.loads import CAME_FROM, adapter_words, every_swap, swap_words
from playground.timeline.events import LaneLoaded
from playground.timeline.facts import LaneFacts
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import LoadKind
from tests.timelines import request

FAQ = {"name": "faq", "rank": 8, "targets": ["q_proj", "v_proj"], "modules": 60, "sha256": "ab", "rows": [0]}
RANDOM = {"name": "random-r16", "rank": 16, "targets": list("abcdefg"), "modules": 1, "sha256": None, "rows": [1, 3]}


def loaded(text: str, *loads: tuple[float, LoadKind], **facts: Any) -> LaneState:
    view = RunState(request(text), "id", "")
    for load_s, kind in loads:
        view.apply(LaneLoaded(0, load_s, kind, 1, LaneFacts.model_validate(facts)))
    return view.lanes[0]


def test_every_kind_has_its_words() -> None:
    assert set(CAME_FROM) == set(get_args(LoadKind))


def test_the_first_load_is_said_and_later_ones_are_counted() -> None:
    assert swap_words(loaded("nf4")) == every_swap(loaded("nf4")) == ""
    assert swap_words(loaded("nf4", (0.24, "prequantized"))) == "ready in 240 ms, from its pre-quantized copy"
    lane = loaded("nf4", (2.0, "cold"), (0.05, "host"), (0.00001, "resident"), (0.0005, "host"))
    assert swap_words(lane) == "ready in 2.00 s, read from its files (and 2 times more)"
    assert every_swap(lane) == (
        "Ready in 2.00 s, read from its files; had to make room, and ready again in 50.0 ms, back from the host’s memory; "
        "had to make room, and ready again in < 1 ms, back from the host’s memory"
    ), "that it was found in place, as in a run that goes on, is no swap"


@pytest.mark.parametrize(
    ("text", "facts", "said"),
    [
        ("bf16", {}, ""),
        ("bf16", {"adapters": [], "merged": False}, ""),
        ("bf16+faq", {"adapters": [FAQ], "merged": False}, "faq: rank 8 on q_proj, v_proj, 60 modules"),
        ("bf16+faq.merged", {"adapters": [FAQ], "merged": True}, "faq: rank 8 on q_proj, v_proj, 60 modules, merged"),
        (
            "bf16+faq|random-r16|none@4",
            {"adapters": [FAQ, RANDOM], "merged": False},
            "faq: rank 8 on q_proj, v_proj, 60 modules, row 1; random-r16: rank 16 on 7 kinds of layers, 1 module, untrained, rows 2, 4",
        ),
    ],
)
def test_an_adapters_rank_and_layers_are_said(text: str, facts: dict[str, Any], said: str) -> None:
    assert adapter_words(loaded(text, (1.0, "cold"), **facts)) == said
