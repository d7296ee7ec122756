"""Facts of lanes and machines: typed where they are known, whole where they are not."""

from __future__ import annotations

from hypothesis import given

from playground.timeline.environment import Environment
from playground.timeline.facts import LaneFacts
from tests import strategies


@given(strategies.lane_facts)
def test_facts_read_back_as_they_were_stated(facts: LaneFacts) -> None:
    read = LaneFacts.model_validate_json(facts.model_dump_json())
    assert read == facts
    assert read.model_fields_set == facts.model_fields_set


def test_what_is_not_stated_is_not_written_and_what_is_not_known_is() -> None:
    assert LaneFacts(dtype=None).model_dump_json() == '{"dtype":null}'
    assert (LaneFacts().empty, LaneFacts(dtype=None).empty) == (True, False)


def test_facts_of_another_version_stay() -> None:
    written = {"dtype": "int4", "groups": {"size": 128}, "adapters": [{"name": "faq", "alpha": 16}]}
    facts = LaneFacts.model_validate(written)
    assert facts.adapters[0].name == "faq"
    assert facts.model_dump(mode="json") == written


def test_of_two_the_second_counts_where_it_says_something() -> None:
    first = Environment.model_validate({"device": "cpu", "threads": 2, "fans": 3})
    both = first | Environment.model_validate({"threads": None, "sockets": 1})
    assert both.model_dump(mode="json") == {"device": "cpu", "threads": None, "fans": 3, "sockets": 1}
    assert first.threads == 2


def test_a_machine_lists_what_lanes_may_name() -> None:
    machine = Environment.model_validate({"device": "cuda:0", "cuda": {"devices": ["H200", "H100"]}, "other_devices": [{"device": "cpu"}]})
    assert machine.cuda is not None
    assert machine.cuda.lane_devices == ("cpu", "cuda:0", "cuda:1")
    assert [one.name for one in machine.devices] == ["cuda:0", "cpu"]
    assert [one.is_cuda for one in machine.devices] == [True, False]
