"""The live component: one `gr.HTML`, drawn by the scripts beside it from a run's records (`feed.py`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import gradio as gr

HERE = Path(__file__).parent
SCRIPTS = (
    "../shared/make",
    "../shared/copy",
    "dom",
    "timeline",
    "answer",
    "card",
    "race",
    "ended",
    "charts",
    "judge",
    "targets",
    "table",
    "published",
    "definitions",
    "replay",
    "predict",
    "main",
)
"""One scope, in this order: what a script uses comes before it."""


def live_view(value: str, plotly_src: str, answer: Callable[[dict[str, Any]], Awaitable[Any]]) -> Any:
    """The component. Its value is what stands there before a run, or the key of a run's records, which its scripts ask `answer` for."""

    async def frames(asked: dict[str, Any]) -> Any:  # Gradio marks what it may call: that a method cannot bear
        return await answer(asked)

    return gr.HTML(
        value=value,
        html_template=(HERE / "live.html").read_text(encoding="utf-8"),
        js_on_load="\n".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS),
        apply_default_css=False,
        elem_id="live",
        plotly_src=plotly_src,
        server_functions=[frames],
    )
