"""The live component: one `gr.HTML`, drawn by the scripts beside it from a run's records (`feed.py`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import gradio as gr

from playground.ui.static import Static

HERE = Path(__file__).parent


def live_view(value: str, answer: Callable[[dict[str, Any]], Awaitable[Any]], static: Static) -> Any:
    """The component. Its value is what stands there before a run, or the key of a run's records, which its scripts ask `answer` for."""

    async def frames(question: dict[str, Any]) -> Any:  # Gradio marks what it may call: that a method cannot bear
        return await answer(question)

    return gr.HTML(
        value=value,
        html_template=(HERE / "live.html").read_text(encoding="utf-8"),
        js_on_load=static.on_load("live/main.js"),
        apply_default_css=False,
        elem_id="live",
        plotly_src=static.plotly,
        server_functions=[frames],
    )
