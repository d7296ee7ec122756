"""The charts: what is known of a run → Plotly figures; pure. Every module of this package may register charts; each is imported here."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from playground.report.charts.chart import CHARTS, Chart, Figure, Grows, TargetLine, charts
from playground.report.charts.palette import PALETTES, Palette

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["CHARTS", "PALETTES", "Chart", "Figure", "Grows", "Palette", "TargetLine", "charts"]
