"""The page: its components, put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from playground.engines.registry import Fleet
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.presets import Preset
from playground.ui.api import add_endpoint
from playground.ui.compare.compare import compare_view
from playground.ui.controls.controls import add_controls
from playground.ui.controls.edits import Edits
from playground.ui.controls.form import Form, form_of, read_form
from playground.ui.controls.link import write_link
from playground.ui.live.component import live_view
from playground.ui.live.idle import idle_feed
from playground.ui.live.streams import Streams
from playground.ui.machine import Machine
from playground.ui.message import line
from playground.ui.pool.pool import pool_view
from playground.ui.running import DOWNLOADS, STREAMING, Results, Running
from playground.ui.static import Static
from playground.ui.tools.tools import tools
from playground.ui.visitors.caps import Caps
from playground.ui.visitors.watch import watch_button


def build(settings: Settings, fleet: Fleet, runner: Runner, presets: Mapping[str, Preset]) -> Any:
    """The page, not yet served. Starts no engine."""
    machine, caps, streams = Machine(fleet, settings), Caps(settings), Streams()
    static = Static.of(settings.cache_dir)
    static.serve()
    preset = next(iter(presets.values()))
    form = form_of(preset, preset.model, settings.max_lanes)
    with gr.Blocks(title="Latency Playground", analytics_enabled=False, fill_width=True, delete_cache=(3600, 24 * 3600)) as demo:
        with gr.Row(elem_id="top"):
            gr.HTML("<h1>Latency Playground</h1>", apply_default_css=False, elem_id="title")
            device = line("The device is starting", "device")
            watch = watch_button(settings.watch)
            pool = pool_view(static)
            top = tools(write_link(form, preset, preset.model, settings), static)
        controls = add_controls(settings, presets, form, static)
        results = _results(settings, preset, form, watch, streams, static)
        Edits(settings, presets, machine, controls, results, top).wire(demo, device)
        ends = Running(settings, runner, presets, caps, streams, controls, results).wire(demo)
        for event in (demo.load, *(end.then for end in ends)):
            event(machine.pool, None, pool, **STREAMING)
        pool.input(machine.evict, None, pool, **STREAMING)
        add_endpoint(settings, runner, presets, machine.on_gpu, caps)
    return demo


def _results(settings: Settings, preset: Preset, form: Form, watch: Any, streams: Streams, static: Static) -> Results:
    live = live_view(idle_feed(read_form(form, settings, preset.published)), streams, static)
    with gr.Row(elem_id="after"):
        lesson = line(preset.lesson, "lesson")
        more = gr.Button("Make it sure", size="sm", interactive=False, elem_id="more")
        with gr.Row(elem_id="downloads"):
            downloads = tuple(gr.DownloadButton(title, size="sm", interactive=False, elem_id=name) for name, title in DOWNLOADS.items())
    return Results(watch, live, lesson, more, downloads, compare_view(static))
