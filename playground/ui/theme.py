"""How the page looks: theme and styles. Everything is served from here; nothing is fetched from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils import fonts

from playground.report.charts import PALETTES
from playground.ui.static import Static

HERE = Path(__file__).parent
STYLES = (
    "live/live.css",
    "live/targets.css",
    "page.css",
    "lane_editor/lane_editor.css",
    "visitors/visitors.css",
    "pool/pool.css",
    "compare/compare.css",
)


def launch_options(cache_dir: Path) -> dict[str, Any]:
    """What `launch()` needs to look and behave like this page, and to keep to itself."""
    return {
        "theme": _theme(),
        "css": _lane_colours() + "".join((HERE / name).read_text(encoding="utf-8") for name in STYLES),
        "head": Static.of(cache_dir).head(),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "quiet": True,
        "max_threads": 200,  # each visitor who waits or watches holds one while nothing happens; Gradio's 40 would keep Stop waiting
        "max_file_size": 0,
    }


def _lane_colours() -> str:
    """`--lane-0` … for both themes: the charts' colours, for cards; and each row's own, with its number."""
    of = {name: "".join(f"--lane-{i}:{colour};" for i, colour in enumerate(palette.lanes)) for name, palette in PALETTES.items()}
    rows = "".join(f'#lane-{i + 1}{{--lane:var(--lane-{i});--number:"{i + 1}"}}\n' for i in range(len(PALETTES["light"].lanes)))
    return f":root{{{of['light']}}}\n.dark{{{of['dark']}}}\n{rows}"


def _theme() -> Any:
    # 700, not 600: the 600 that Gradio ships has hardly a letter in it.
    sans = (fonts.LocalFont("Source Sans Pro", weights=(400, 700)), "system-ui", "sans-serif")
    mono = (fonts.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace")
    theme = gr.themes.Base(primary_hue="indigo", neutral_hue="gray", font=sans, font_mono=mono, radius_size="sm", spacing_size="sm")
    light, dark = PALETTES["light"], PALETTES["dark"]
    return theme.set(
        body_background_fill="#f6f7f8",
        body_background_fill_dark="#0e1013",
        body_text_color=light.ink,
        body_text_color_dark=dark.ink,
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_padding="0px",
        block_label_text_color=light.muted,
        block_title_text_color=light.muted,
        block_title_text_color_dark=dark.muted,
        block_title_text_weight="400",
        input_background_fill=light.surface,
        input_background_fill_dark=dark.surface,
        input_border_color="#c9ced6",
        input_border_color_dark="#3a414b",
        input_border_width="1px",
        button_primary_background_fill="#4338ca",
        button_primary_background_fill_hover="#3730a3",
        button_primary_background_fill_dark="#6459ee",
        button_primary_background_fill_hover_dark="#594de8",
        button_primary_text_color="#ffffff",
    )
