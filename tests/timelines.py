"""Hand-made timelines: traces and runs whose figures can be worked out on paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playground.spec import EMBEDDED_MODEL, RunRequest
from playground.trace import Step, Trace


def trace(times: Sequence[float], rows: Sequence[int] = (), **fields: Any) -> Trace:
    """Steps at these times; row r gains one token in each of its first rows[r] steps (default: one row, a token a step)."""
    lengths = rows or (len(times),)
    steps = tuple(
        Step(t_s=t, wall_s=t, token_ids=tuple((number,) if number < length else () for length in lengths)) for number, t in enumerate(times)
    )
    end = times[-1] + 0.25 if times else 0.25
    made: dict[str, Any] = {
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
