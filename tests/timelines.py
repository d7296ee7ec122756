"""Hand-made timelines: traces and runs whose figures can be worked out on paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from playground.spec.names import EMBEDDED_MODEL
from playground.spec.request import RunRequest
from playground.timeline.events import LaneFailed, LaneLoaded, RepeatFinished, RepeatStarted, RunFinished, StepsTaken
from playground.timeline.facts import LaneFacts
from playground.timeline.state import RunState
from playground.timeline.trace import Finish, LoadKind, Step, Trace


def step(t_s: float, *rows: tuple[int, ...], keep: Sequence[int] | None = None) -> Step:
    """A step in which each row gained these ids; rows that gained none are left out, but of beams, whose `keep` is of every row."""
    ids = {row: gained for row, gained in enumerate(rows) if gained or keep is not None}
    return Step(t_s=t_s, wall_s=t_s, token_ids=ids, keep=None if keep is None else dict(enumerate(keep)))


def trace(times: Sequence[float], rows: Sequence[int] = (), **fields: Any) -> Trace:
    """Steps at these times; row r gains one token in each of its first rows[r] steps (default: one row, a token a step)."""
    lengths = rows or (len(times),)
    steps = tuple(step(t, *((number,) if number < length else () for length in lengths)) for number, t in enumerate(times))
    end = times[-1] + 0.25 if times else 0.25
    made: dict[str, Any] = {
        "number": 0,
        "warmup": False,
        "prompt_tokens": (5,) * len(lengths),
        "tokenize_s": 0.125,
        "steps": steps,
        "end_s": end,
        "end_wall_s": end,
        "output_ids": tuple(tuple(range(length)) for length in lengths),
        "finish": ("length",) * len(lengths),
        "texts": ("",) * len(lengths),
    }
    return Trace(**made | fields)


def request(*lanes: str, **fields: Any) -> RunRequest:
    """A valid request for these lanes."""
    models = {EMBEDDED_MODEL: EMBEDDED_MODEL}
    adapters = {"faq": "folder"}
    return RunRequest.build(**{"lanes": lanes or ("bf16",), "prompts": ("Why?",), "models": models, "adapters": adapters} | fields)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a lane did: even steps, the same in all rows; several repeats differ in `tpot_s`."""

    ttft_s: float = 0.055
    tpot_s: float | Sequence[float] = 0.039
    tokens: int = 3
    memory_bytes: int = 269_000_000
    load_kind: LoadKind = "cold"
    finish: Finish = "length"
    error: str | None = None
    """Why it failed, after what else it did."""
    output_ids: Sequence[Sequence[int]] | None = None
    """Per row; None: the same ascending ones in all."""


def played(lanes: dict[str, Ran] | Sequence[tuple[str, Ran]], status: Literal["done", "cancelled"] = "done", **fields: Any) -> RunState:
    """A run that has ended, of lanes that did this. Every repeat ends 1 ms after its last token."""
    pairs = list(lanes.items()) if isinstance(lanes, dict) else list(lanes)
    view = RunState(request(*(label for label, _ in pairs), **fields), "id", "2026-01-01T00:00:00+00:00")
    for lane, (_, ran) in enumerate(pairs):
        _play(view, lane, ran)
    view.apply(RunFinished(status))
    return view


def _play(view: RunState, lane: int, ran: Ran) -> None:
    rows = view.request.lanes[lane].batch
    view.apply(LaneLoaded(lane, 0.5, ran.load_kind, ran.memory_bytes, LaneFacts()))
    paces = [ran.tpot_s] if isinstance(ran.tpot_s, float) else ran.tpot_s
    for repeat, tpot_s in enumerate(paces if ran.tokens else ()):
        times = [ran.ttft_s + number * tpot_s for number in range(ran.tokens)]
        ids = tuple(range(ran.tokens))
        view.apply(RepeatStarted(lane, repeat, False, (5,) * rows, 0.001))
        view.apply(StepsTaken(lane, repeat, tuple(step(t, *((id_,),) * rows) for id_, t in zip(ids, times, strict=True)), ()))
        end_s = times[-1] + 0.001
        said = (ids,) * rows if ran.output_ids is None else tuple(map(tuple, ran.output_ids))
        view.apply(RepeatFinished(lane, repeat, end_s, end_s, said, (ran.finish,) * rows, ("",) * rows))
    if ran.error is not None:
        view.apply(LaneFailed(lane, "internal", ran.error))
