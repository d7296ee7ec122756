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


def rate(tokens_per_s: float | None) -> str:
    return UNKNOWN if tokens_per_s is None else f"{significant(tokens_per_s)} tok/s"


def ratio(value: float | None, baseline: float | None) -> str:
    """A multiple of the baseline's value."""
    return UNKNOWN if value is None or not baseline else f"{significant(value / baseline)}×"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
