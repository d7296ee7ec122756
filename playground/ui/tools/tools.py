"""The buttons at the top right, and the address: shared as a link, restored from one, themes and the stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from playground.ui.static import Static

HERE = Path(__file__).parent


def tools(link: str, static: Static) -> Any:
    """The component, for a page that stands as `link` says. Its value is `address(…)`."""
    return gr.HTML(
        value=address(link),
        html_template=(HERE / "tools.html").read_text(encoding="utf-8"),
        js_on_load=static.on_load("tools/tools.js"),
        apply_default_css=False,
        elem_id="tools",
    )


def address(link: str, say: str = "", share: int = 0) -> str:
    """What the address is to hold of the run ("": left as it is), what to say, and which press of Share is answered (0: none)."""
    return json.dumps({"link": link, "say": say, "share": share}).replace("<", "\\u003c")
