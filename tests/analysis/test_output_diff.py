"""Where a lane's output departs from the baseline's: by token ids, and only between rows that were asked the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playground.analysis.output_diff import difference, first_difference
from playground.spec.request import RunRequest
from playground.timeline.state import RunState
from tests.timelines import Ran, played

tokens = st.lists(st.integers(0, 3), max_size=12)
ADAPTER_AND_NONE = [[1, 2, 3], [7, 8, 9]]


@given(tokens, tokens)
def test_all_before_the_first_difference_is_equal_and_it_is_not(one: list[int], other: list[int]) -> None:
    at = first_difference(one, other)
    assert at == first_difference(other, one)
    if at is None:
        assert all(mine == theirs for mine, theirs in zip(one, other, strict=False))
    else:
        assert one[: at - 1] == other[: at - 1]
        assert one[at - 1] != other[at - 1]


def of(lanes: dict[str, list[list[int]]], **fields: object) -> RunState:
    return played({label: Ran(output_ids=rows) for label, rows in lanes.items()}, **fields)  # type: ignore[arg-type]


def found(view: RunState, lane: int = 1) -> tuple[int | None, int] | None:
    one = difference(view, view.lanes[lane])
    return None if one is None else (one.first, one.compared)


def test_the_earliest_of_all_rows_counts() -> None:
    assert found(of({"bf16@2": [[1, 2, 3], [1, 2, 3]], "nf4@2": [[1, 2, 9], [1, 9, 3]]})) == (2, 6)
    assert found(of({"bf16": [[1, 2, 3]], "nf4": [[1, 2, 3, 4]]})) == (None, 3)


def test_a_row_is_compared_with_the_one_that_was_asked_the_same() -> None:
    prompts = ["a", "b"]
    assert found(of({"bf16@2": [[1, 1], [2, 2]], "nf4": [[1, 1]]}, prompts=prompts)) == (None, 2), "a smaller batch has the first prompts"
    assert found(of({"bf16": [[1, 1]], "nf4@4": [[1, 1], [2, 2], [1, 3], [2, 2]]}, prompts=prompts)) == (2, 4), "nobody else has the second"
    assert found(of({"bf16": [[1, 1]], "bf16+faq@2": [[1, 1], [5, 5]]})) == (1, 4), "all rows of one prompt"


def test_of_rows_with_the_same_prompt_those_with_the_same_number_are_compared() -> None:
    lanes = {"bf16+faq|none@2": ADAPTER_AND_NONE, "nf4+faq|none@2": ADAPTER_AND_NONE}
    assert found(of(lanes)) == (None, 6)


def test_nothing_is_said_of_the_baseline_of_other_models_and_before_there_is_output() -> None:
    view = of({"bf16": [[1]], "other:bf16": [[2]], "nf4": [[]]}, models={"smollm2-135m": "x", "other": "y"})
    assert [found(view, lane) for lane in range(3)] == [None, None, None]
    unplayed = RunState(RunRequest.build(lanes=["bf16", "nf4"], prompts=["a"], models={"smollm2-135m": "x"}), "id", "")
    assert found(unplayed) is None
