"""The live component: one `gr.HTML`, drawn by the scripts beside it from a run's records (`feed.py`)."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from playground.report.charts import Chart, charts
from playground.ui.live.streams import Streams
from playground.ui.static import Static

HERE = Path(__file__).parent
CHARTS_HERE = "<!-- charts -->\n"
"""In the template: where the charts stand."""


def live_view(value: str, streams: Streams, static: Static) -> Any:
    """The component. Its value is what stands there before a run, or the key of a run's records, which its scripts ask `streams` for."""

    async def frames(question: dict[str, Any]) -> Any:  # Gradio marks what it may call: that a method cannot bear
        return await streams.frames(question)

    async def attainment(question: dict[str, Any]) -> Any:
        return await streams.attainment(question)

    return gr.HTML(
        value=value,
        html_template=(HERE / "live.html").read_text(encoding="utf-8").replace(CHARTS_HERE, chart_boxes()),
        js_on_load=static.on_load("live/main.js"),
        apply_default_css=False,
        elem_id="live",
        plotly_src=static.plotly,
        server_functions=[frames, attainment],
    )


def chart_boxes() -> str:
    """The places of all charts, each with a button that saves it."""
    return "".join(map(_chart_box, charts()))


def _chart_box(chart: Chart) -> str:
    alt, title = escape(f"Chart: {chart.alt}. The results table holds its figures."), chart.title[:1].lower() + chart.title[1:]
    plot = f'<div class="lp-plot" role="img" aria-label="{alt}"></div>'
    button = f'<button type="button" class="lp-png" aria-label="{escape(f"Save the chart of {title} as PNG")}">PNG</button>'
    return f'    <div class="lp-chart" data-chart="{escape(chart.key)}">{plot}{button}</div>\n'
