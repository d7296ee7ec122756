"""The live component: one `gr.HTML` whose value is an append-only string of JSON lines (`feed.py`), drawn by the scripts in `browser/`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from playground.runner import Reader

HERE = Path(__file__).parent / "browser"
SCRIPTS = ("dom", "timeline", "answer", "card", "race", "charts", "table", "replay", "predict", "main")
"""One scope, in this order: what a script uses comes before it."""
HEARTBEAT_S = 0.25
"""A reader that is never given a turn cannot be told that its tab was closed."""


def live_view(value: str, plotly_src: str) -> Any:
    """The component. It is only ever an output: as an event's input the whole string would be posted back."""
    return gr.HTML(
        value=value,
        html_template=(HERE / "live.html").read_text(encoding="utf-8"),
        js_on_load="\n".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS),
        apply_default_css=False,
        elem_id="live",
        plotly_src=plotly_src,
    )


def paced(
    reader: Reader, period_s: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Follows a run: yields when something is new, at most once a period; now and then when nothing is; and at its end."""
    while not reader.over:
        reader.catch_up(HEARTBEAT_S)
        began_s = clock()
        yield
        if not reader.over:
            sleep(max(0.0, period_s - (clock() - began_s)))
