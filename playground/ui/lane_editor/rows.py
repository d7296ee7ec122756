"""The lanes as rows: prepared, and shown as needed. A row's text is a native text box; its fields are drawn in the browser when opened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.ui.lane_editor.choices import Here, row_states
from playground.ui.lane_editor.lane_fields import Lanes
from playground.ui.static import Static


@dataclass(frozen=True, slots=True)
class LaneRow:
    row: Any
    text: Any
    fields: Any
    remove: Any


@dataclass(frozen=True, slots=True)
class LaneRows:
    rows: tuple[LaneRow, ...]
    toggle: Any
    """Opens and folds the fields. All edits of the page are reported by its `input`; its value answers them, and locks the rows."""
    add: Any

    def parts(self) -> list[Any]:
        return [self.toggle, self.add, *(part for row in self.rows for part in (row.row, row.text, row.fields, row.remove))]

    def shown(self, lanes: Lanes, here: Here) -> dict[Any, Any]:
        """These lanes, and only these."""
        count, most = len(lanes.texts), len(self.rows)
        updates: dict[Any, Any] = {self.add: gr.update(interactive=count < most)}
        for index, row in enumerate(self.rows):
            updates[row.row] = gr.update(visible=index < count)
            updates[row.remove] = gr.update(interactive=count > 1)
            if index < count:
                updates[row.text] = lanes.texts[index]
        return updates | self.offering(lanes, here)

    def offering(self, lanes: Lanes, here: Here, only: Sequence[int] | None = None) -> dict[Any, Any]:
        """What the rows' fields show; `only` these rows'."""
        states = row_states(lanes, here, len(self.rows), only)
        return {self.rows[index].fields: state for index, state in states.items()}

    def usable(self, usable: bool, count: int) -> dict[Any, Any]:
        """Open to edits, or locked and folded."""
        updates: dict[Any, Any] = {row.text: gr.update(interactive=usable) for row in self.rows}
        updates |= {row.remove: gr.update(interactive=usable and count > 1) for row in self.rows}
        return updates | {
            self.add: gr.update(interactive=usable and count < len(self.rows)),
            self.toggle: json.dumps({"locked": not usable}),
        }


def add_lane_rows(most: int, lanes: Lanes, here: Here, static: Static) -> LaneRows:
    """Lays out the rows."""
    with gr.Row(elem_id="lanes"):
        toggle = gr.HTML(
            value="",
            html_template='<button type="button" class="lp-fold" aria-expanded="false" aria-controls="lane-rows">Lanes</button>',
            js_on_load=static.on_load("lane_editor/rows.js"),
            apply_default_css=False,
            elem_id="lanes-toggle",
        )
        with gr.Row(elem_id="lane-rows"):
            states = row_states(lanes, here, most)
            rows = tuple(_lane_row(index, lanes, states.get(index, ""), static) for index in range(most))
        add = gr.Button("Add lane", size="sm", elem_id="add-lane", interactive=len(lanes.texts) < most)
    return LaneRows(rows, toggle, add)


def _lane_row(index: int, lanes: Lanes, state: str, static: Static) -> LaneRow:
    number, count = index + 1, len(lanes.texts)
    text = lanes.texts[index] if index < count else ""
    with gr.Row(elem_id=f"lane-{number}", elem_classes="lane-edit", visible=index < count) as row:
        box = gr.Textbox(text, label=f"Lane {number}", show_label=False, container=False, lines=1, max_lines=1, min_width=60)
        fields = gr.HTML(
            value=state,
            html_template='<span class="lane-mark"></span><div class="lane-fields"></div>',
            js_on_load=static.on_load("lane_editor/row.js"),
            apply_default_css=False,
            elem_classes="lane-fields-of",
        )
        remove = gr.Button(f"Remove lane {number}", size="sm", elem_classes="lane-remove", min_width=24, interactive=count > 1)
    return LaneRow(row, box, fields, remove)
