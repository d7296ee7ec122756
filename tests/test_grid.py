"""Weights × runtime × adapter × decoding × batch, as the registries have them: every pair is a run on a tiny model or a refusal by name.

All five together are more than a thousand lanes. Every pair of values of two axes stands in one of some forty: what fails does so, as a
rule, for two values that do not go together.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path

import pytest

from playground.errors import InputError
from playground.spec.decoding import DECODINGS
from playground.spec.lane import Lane
from playground.spec.runtime import Runtime
from playground.spec.values import Optioned, choices, option_text
from playground.spec.weights import SCHEMES
from playground.worker.process import Worker
from tests.worker.conftest import request_for, run_lanes

Combination = tuple[str, str, str, str, str]
Pair = tuple[tuple[int, str], tuple[int, str]]
TYPED = {"device": "cpu"}
ADAPTERS = ("", "+a", "+a.merged", "+a|none", "+random-r2")
TOKENS = 3


def options_of(owner: type[Optioned]) -> Iterator[str]:
    """Each option by itself with each of its choices; what is typed with its default."""
    for name, option in owner.options().items():
        for choice in choices(owner, name) or (TYPED.get(name) or option_text(option.default),):
            yield f"{name}={choice}"


def weights() -> Iterator[str]:
    """Each scheme as it is, and with the first choice of every option at once."""
    for name, scheme in SCHEMES.items():
        yield f"{name}["
        firsts = {text.partition("=")[0]: text for text in reversed(list(options_of(scheme)))}
        if firsts:
            yield f"{name}[{','.join(firsts.values())}"


AXES = (tuple(weights()), ("", *options_of(Runtime)), ADAPTERS, tuple(DECODINGS), ("1", "2"))


def lane_text(combination: Combination) -> str:
    scheme, runtime, adapter, decoding, batch = combination
    separator = "," if runtime and not scheme.endswith("[") else ""
    return f"{scheme}{separator}{runtime}]{adapter}/{decoding}@{batch}"


def pairs(combination: Combination) -> set[Pair]:
    return set(combinations(enumerate(combination), 2))


def refusal(combination: Combination) -> str | None:
    try:
        Lane.parse(lane_text(combination))
    except InputError as error:
        return str(error)
    return None


@pytest.fixture(scope="module")
def refusals() -> dict[Combination, str | None]:
    """Of every combination."""
    return {one: refusal(one) for one in product(*AXES)}


def covering(valid: list[Combination]) -> list[str]:
    """Few lanes in which every pair of the valid ones stands: one after the other, that with the most pairs which are still missing."""
    pairs_of = {lane_text(one): pairs(one) for one in valid}
    missing, chosen = set[Pair]().union(*pairs_of.values()), list[str]()
    while missing:
        best = max(pairs_of, key=lambda text: len(pairs_of[text] & missing))
        missing -= pairs_of[best]
        chosen.append(best)
    return chosen


def test_a_pair_that_no_lane_has_is_refused_by_name(refusals: dict[Combination, str | None]) -> None:
    runs = set[Pair]().union(*(pairs(one) for one, refused in refusals.items() if refused is None))
    for one, refused in refusals.items():
        assert (refused is None) == (pairs(one) <= runs), "a lane is refused exactly for a pair in it"
        assert refused is None or (refused.startswith(f"lane '{lane_text(one)}': ") and "allowed: " in refused)
    never = set[Pair]().union(*map(pairs, refusals)) - runs
    assert {(first[1], second[1]) for first, second in never} == {("+a|none", "1")}


@pytest.mark.timeout(600)
def test_every_pair_runs(refusals: dict[Combination, str | None], tiny: Path, tiny_lora: Path, tmp_path: Path) -> None:
    lanes = covering([one for one, refused in refusals.items() if refused is None])
    worker = Worker(tmp_path / "cache", "cpu")
    for few in (lanes[at : at + 16] for at in range(0, len(lanes), 16)):
        ran = run_lanes(worker, request_for(tiny, few, {"a": tiny_lora}, max_new_tokens=TOKENS))
        for text, lane in zip(few, ran.view.lanes, strict=True):
            assert lane.error is None, f"{text}: {lane.error}"
            assert [len(row) for row in lane.repeats[-1].output_ids] == [TOKENS] * lane.lane.batch, text
            assert lane.facts.attention == (lane.lane.variant.runtime.attention or "sdpa"), text
            assert bool(lane.facts.quantized_modules) == lane.lane.variant.weights.quantized, text
    worker.close()
