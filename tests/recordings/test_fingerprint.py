"""What ran, in two recordings: everything that differs is said, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from playground.recordings.build import build_recording
from playground.recordings.fingerprint import differences, fingerprint
from playground.recordings.schema import Recording
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment, ResidentFacts
from playground.timeline.facts import LaneFacts
from tests import strategies
from tests.timelines import Ran, played

WEIGHTS = "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b"
ENVIRONMENT: dict[str, Any] = {
    "device": "cuda:0",
    "device_name": "NVIDIA H200",
    "cpu": "Xeon",
    "threads": 16,
    "cuda": {"available": True, "build": "13.0", "driver": "580.1", "devices": ["NVIDIA H200"]},
    "versions": {"torch": "2.13.0", "transformers": "5.23.0", "bitsandbytes": "0.50.2", "peft": "0.21.2"},
    "kernels_package": False,
    "git_commit": "aa01266",
    "clock_mhz": 1980,
    "clock_max_mhz": 1980,
    "memory_total_bytes": 140_000_000_000,
    "memory_free_bytes": 1,
    "residents": [],
}
FACTS: dict[str, Any] = {
    "dtype": "bfloat16",
    "quantized_modules": 0,
    "attention": "sdpa",
    "kernels": ["aten::mm", "aten::scaled_dot_product_attention"],
    "weights_sha256": WEIGHTS,
    "tokenizer_sha256": "b" * 64,
    "adapters": [{"name": "faq", "sha256": "c" * 64}],
}
HELD = ResidentFacts(key="x", label="m nf4", memory_bytes=1)


def recording(environment: dict[str, Any] | None = None, facts: dict[str, Any] | None = None, **fields: Any) -> Recording:
    """Two lanes whose environment and facts are those above, but for what is given."""
    made = build_recording(played([("bf16", Ran()), ("nf4", Ran())], **fields))
    stated = LaneFacts.model_validate(FACTS | (facts or {}))
    lanes = tuple(lane.model_copy(update={"facts": stated}) for lane in made.lanes)
    return made.model_copy(update={"environment": Environment.model_validate(ENVIRONMENT | (environment or {})), "lanes": lanes})


def told(first: Recording, second: Recording) -> list[str]:
    return differences(first, second, [(0, 0), (1, 1)])


def test_equal_runs_have_equal_fingerprints() -> None:
    assert fingerprint(recording()) == fingerprint(recording())
    assert told(recording(), recording()) == []


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"device": "cpu"}, "device: cuda:0 against cpu"),
        ({"device_name": "NVIDIA A100"}, "device’s name: NVIDIA H200 against NVIDIA A100"),
        ({"cpu": "EPYC"}, "CPU: Xeon against EPYC"),
        ({"threads": 2}, "threads: 16 against 2"),
        ({"cuda": ENVIRONMENT["cuda"] | {"driver": "570.2"}}, "CUDA driver: 580.1 against 570.2"),
        ({"versions": ENVIRONMENT["versions"] | {"torch": "2.12.0"}}, "torch: 2.13.0 against 2.12.0"),
        ({"versions": ENVIRONMENT["versions"] | {"peft": None}}, "peft: 0.21.2 against not known"),
        ({"kernels_package": True}, "the package kernels: no against yes"),
        ({"git_commit": "aa01266-dirty"}, "git commit: aa01266 against aa01266-dirty"),
        ({"clock_max_mhz": 2100}, "highest clock, MHz: 1980 against 2100"),
        ({"clock_mhz": 1500}, "clock, MHz: 1980 against 1500"),
        ({"memory_total_bytes": 80_000_000_000}, "memory: 140 GB against 80.0 GB"),
        ({"something_new": 3}, "the first does not say: something new"),
    ],
)
def test_a_difference_of_the_machine_is_said(other: dict[str, Any], sentence: str) -> None:
    assert told(recording(), recording(other)) == [sentence]


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"weights_sha256": "cd34ef56" * 8}, "all lanes: weights (sha256): 7ef915c9… against cd34ef56…"),
        ({"tokenizer_sha256": "d" * 64}, "all lanes: tokenizer (sha256): bbbbbbbb… against dddddddd…"),
        ({"adapters": [{"name": "faq", "sha256": "e" * 64}]}, "all lanes: adapters 1 (sha256): cccccccc… against eeeeeeee…"),
        ({"dtype": "float16"}, "all lanes: dtype: bfloat16 against float16"),
        ({"quantized_modules": 210}, "all lanes: quantized modules: 0 against 210"),
        ({"attention": "eager"}, "all lanes: attention: sdpa against eager"),
        (
            {"kernels": ["aten::mm", "aten::_flash_attention"]},
            "all lanes: operators: only in the first: aten::scaled_dot_product_attention; only in the second: aten::_flash_attention",
        ),
    ],
)
def test_a_difference_of_the_model_is_said_once_for_all_lanes(other: dict[str, Any], sentence: str) -> None:
    assert told(recording(), recording(facts=other)) == [sentence]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"measure": {"seed": 8}}, "seed: 7 against 8"),
        ({"measure": {"max_new_tokens": 32}}, "max new tokens: 64 against 32"),
        ({"measure": {"fixed_length": False}}, "fixed length: yes against no"),
        ({"measure": {"warmup": 3}}, "warmup: 1 against 3"),
        ({"measure": {"schedule": "interleaved"}}, "schedule: exclusive against interleaved, quantum 0.1 s"),
        ({"system": "Be brief."}, "system: not known against Be brief."),
        ({"prompts": ("Why not?",)}, 'prompts: ["Why?"] against ["Why not?"]'),
    ],
)
def test_a_difference_of_what_was_asked_is_said(fields: dict[str, Any], sentence: str) -> None:
    assert told(recording(), recording(**fields)) == [sentence]


def test_a_lane_of_its_own_is_named() -> None:
    other = recording()
    second = other.lanes[1].model_copy(update={"facts": LaneFacts.model_validate(FACTS | {"attention": "eager"})})
    changed = other.model_copy(update={"lanes": (other.lanes[0], second)})
    assert told(recording(), changed) == ["lane 2: attention: sdpa against eager"]
    assert differences(recording(), changed, [(0, 1)])[-1] == "lane 1 against lane 2: attention: sdpa against eager"


def test_prompt_tokens_are_part_of_it() -> None:
    other = recording()
    repeat = replace(other.lanes[0].repeats[0], prompt_tokens=(9,))
    changed = other.model_copy(update={"lanes": (other.lanes[0].model_copy(update={"repeats": (repeat,)}), other.lanes[1])})
    assert told(recording(), changed) == ["lane 1: prompt tokens: [5] against [9]"]


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.model_copy(update={"id": "other", "created_at": "2027-01-01T00:00:00+00:00"}),
        lambda made: made.model_copy(update={"environment": made.environment | Environment(memory_free_bytes=99, residents=(HELD,))}),
        lambda made: made.model_copy(update={"environment": made.environment | Environment(clock_mhz=1990)}),
    ],
)
def test_how_things_stood_is_no_part_of_it(change: Callable[[Recording], Recording]) -> None:
    assert told(recording(), change(recording())) == []


def test_what_one_does_not_say_is_named_and_not_taken_for_equal() -> None:
    old = recording().model_copy(
        update={"environment": Environment.model_validate({key: ENVIRONMENT[key] for key in ENVIRONMENT.keys() - {"git_commit"}})}
    )
    assert told(old, recording()) == ["the first does not say: git commit"]
    assert told(recording(), old) == ["the second does not say: git commit"]


def test_long_values_are_cut() -> None:
    (sentence,) = told(recording(prompts=("x" * 5000,)), recording())
    assert len(sentence) < 300
    assert "(5,004 characters)" in sentence


@given(strategies.facts, strategies.facts)
def test_any_facts_can_be_compared(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = recording(one, one), recording(other, other)
    assert told(first, first) == []
    assert all("\n" not in sentence for sentence in told(first, second))


def test_the_request_is_read_whole() -> None:
    """Fields that a later version adds to how it is measured are part of the fingerprint without anybody thinking of it."""
    left_out = {"threads", "timeout_s", "agreement", "quantum_s"}
    assert set(RunRequest.model_fields["measure"].annotation.model_fields) - left_out <= set(fingerprint(recording()).run)  # type: ignore[union-attr]
