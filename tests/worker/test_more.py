"""Going on from a finished run on a real (tiny) model: the additional repeats are those that one longer run would have had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.engines.local.client import LocalFleet
from playground.runs.run import Reader, Run
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.timeline.events import LaneLoaded, RepeatStarted
from tests.worker.conftest import request_for

LANES = ["fp32", "bf16/top_p(p=0.95)"]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with LocalFleet(Settings(cache_dir=tmp_path_factory.mktemp("cache"))) as fleet:
        yield Runner(fleet.engine_for)


def ended(run: Run) -> Reader:
    reader = run.reader()
    for _ in reader.events():
        continue
    return reader


def order(run: Run) -> list[tuple[int, int, bool]]:
    """Lane, number and warm-up of each repeat, as they came."""
    return [(one.lane, one.repeat, one.warmup) for one in run.events_since(0) if isinstance(one, RepeatStarted)]


@pytest.mark.parametrize("schedule", ["exclusive", "interleaved", "contended"])
def test_a_run_that_goes_on_is_as_one_that_was_longer_from_the_start(runner: Runner, tiny: Path, schedule: str) -> None:
    one = runner.start(request_for(tiny, LANES, schedule=schedule, warmup=1, repeats=3))
    whole = ended(one).view
    short = runner.start(request_for(tiny, LANES, schedule=schedule, warmup=1, repeats=1))
    ended(short)
    longer = runner.more(short, 2)
    view = ended(longer).view
    assert view.request == whole.request
    if schedule == "contended":  # all at once is in no order
        assert sorted(order(longer)) == sorted(order(one))
    else:
        assert order(longer) == order(one)
    for lane, other in zip(view.lanes, whole.lanes, strict=True):
        assert lane.error is None
        assert [repeat.warmup for repeat in lane.repeats if not repeat.alone] == [True, False, False, False]
        if schedule == "contended" and lane.lane.decoding.sampled:
            continue  # lanes that run at once share one random generator: labelled not repeatable
        assert [repeat.output_ids for repeat in lane.repeats] == [repeat.output_ids for repeat in other.repeats]
    loads = [event for event in longer.events_since(0) if isinstance(event, LaneLoaded)]
    assert len(loads) == len(LANES), "what is in place still is no swap"
