"""Figures as text, in one place: three significant figures, always a unit, "–" for what is unknown."""

from __future__ import annotations

import math

UNKNOWN = "–"


def significant(value: float, digits: int = 3) -> str:
    """`39.04` → `39.0`, `1234.5` → `1,230`, `0.01239` → `0.0124`."""
    if value == 0:
        return "0"
    rounded = round(value, digits - 1 - math.floor(math.log10(abs(value))))
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}"


def duration(seconds: float | None) -> str:
    """Milliseconds below one second, seconds above."""
    if seconds is None:
        return UNKNOWN
    return f"{significant(seconds * 1e3)} ms" if seconds < 0.9995 else f"{significant(seconds)} s"


def size(size_bytes: float | None) -> str:
    """Decimal units: 1 MB is 10⁶ bytes."""
    if size_bytes is None:
        return UNKNOWN
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= 0.9995 * scale:
            return f"{significant(size_bytes / scale)} {unit}"
    return f"{size_bytes:.0f} B"


def about(seconds: float) -> str:
    """An expectation as a person would say it: "about 5 s", "about 40 s", "about 2 min", "about 1 h"."""
    if seconds < 55:
        unit_s = 5 if seconds < 17.5 else 10
        return f"about {max(5, unit_s * round(seconds / unit_s))} s"
    if seconds < 57 * 60:
        minutes = round(seconds / 60) if seconds < 9.5 * 60 else 5 * round(seconds / 300)
        return f"about {max(1, minutes)} min"
    return f"about {round(seconds / 3600)} h"


def rate(tokens_per_s: float | None) -> str:
    return UNKNOWN if tokens_per_s is None else f"{significant(tokens_per_s)} tok/s"


def ratio(value: float | None, baseline: float | None) -> str:
    """A multiple of the baseline's value."""
    return UNKNOWN if value is None or not baseline else f"{significant(value / baseline)}×"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
