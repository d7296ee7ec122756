"""Events and their JSON lines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from playground.timeline.events import Event, RunFinished, dumps, loads
from tests import strategies


@given(strategies.events)
@settings(max_examples=300)
def test_an_event_reads_back_from_its_line(event: Event) -> None:
    line = dumps(event)
    assert b"\n" not in line
    assert loads(line) == event
    assert type(loads(line)) is type(event)


@pytest.mark.parametrize("line", [b"", b"{}", b'{"type":"dance"}', b'{"type":"run_finished"}', b'{"type":"run_finished","status":1}'])
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(ValidationError):
        loads(line)


def test_a_line_is_plain_json_with_its_type_named() -> None:
    assert dumps(RunFinished("done")) == b'{"status":"done","type":"run_finished"}'
