"""The colours of both themes, and the marker shapes: colour is never the only difference."""

from __future__ import annotations

from dataclasses import dataclass

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon", "triangle-down")
"""One marker shape a lane."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme, no two alike. Lane colours have a contrast of at least 3:1 on `surface`."""

    lanes: tuple[str, ...]
    surface: str
    ink: str
    muted: str
    grid: str

    def lane(self, index: int) -> str:
        return self.lanes[index % len(self.lanes)]


LIGHT = Palette(
    # Okabe–Ito hues; yellow, orange, sky and pink are darkened for light surfaces, on which they fail as they are.
    ("#0072b2", "#c4501b", "#00845f", "#b0528a", "#996500", "#3a86b4", "#7d7400", "#5b6270", "#5f2d91"),
    "#ffffff",
    "#16191d",
    "#5c6470",
    "#e6e8eb",
)
DARK = Palette(
    ("#4ba3e3", "#f07b3f", "#2bc795", "#de8dbb", "#e69f00", "#8fd0f7", "#e8dc4a", "#c4cad3", "#a07bf5"),
    "#16191d",
    "#eceef1",
    "#a0a8b4",
    "#2b3037",
)
PALETTES = {"light": LIGHT, "dark": DARK}
