"""The page's last run against a recording from a file: the file is read in the browser and never written on the server.

Figures and words are worked out here; `compare.js` draws them, and writes every name with `textContent`.
"""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from playground.recordings.build import build_recording
from playground.recordings.compare import EQUAL, compare_recordings
from playground.recordings.reading import MAX_BYTES, parse_recording
from playground.timeline.state import RunState
from playground.ui.live.feed import record
from playground.ui.static import Static

CLEARED = ""
"""The component's value when nothing is compared."""
LONGEST_NAME = 80
TEMPLATE = """
<section class="lp-compare" aria-label="Compare with a recording">
  <p>
    <button type="button" class="lp-compare-pick">Compare with a recording</button>
    <input type="file" accept=".json,application/json" aria-label="A recording as JSON" tabindex="-1" hidden>
    <span class="lp-compare-said" role="status"></span>
  </p>
  <div class="lp-compare-found" hidden>
    <p class="lp-compare-names"></p>
    <div class="lp-results" tabindex="0" role="region" aria-label="Figures of both recordings"><table></table></div>
    <div class="lp-compare-words"></div>
  </div>
</section>
"""


def compare_view(static: Static) -> Any:
    """The component. It is only ever an output; a file that was picked comes as its `input` event, with `name` and `text`."""
    script = static.on_load("compare/compare.js")
    return gr.HTML(
        value=CLEARED, html_template=TEMPLATE, js_on_load=script, apply_default_css=False, elem_id="compare", most_bytes=MAX_BYTES
    )


def compared(text: str, name: str, view: RunState) -> str:
    """The component's value: the recording in `text`, first, against the run. Raises InputError."""
    name = name[:LONGEST_NAME]
    first = parse_recording(text.encode("utf-8", "replace"), name, "run")
    found = compare_recordings(first, build_recording(view), (name, "this page’s run"))
    return _value({"found": {**found, "equal": EQUAL}})


def kept_as_it_was() -> str:
    """The component's value when there is nothing new to show."""
    return _value({})


def _value(shown: dict[str, Any]) -> str:
    """No two are equal, so that each is drawn."""
    return record(shown | {"at": time.time_ns()})
