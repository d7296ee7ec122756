"""Figures as text, in one place: three significant figures, always a unit, "–" for what is unknown."""

from __future__ import annotations

import math
from typing import overload

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


@overload
def milliseconds(seconds: float) -> float: ...
@overload
def milliseconds(seconds: float | None) -> float | None: ...
def milliseconds(seconds: float | None) -> float | None:
    """As they are drawn and compared: to the microsecond."""
    return None if seconds is None else round(seconds * 1e3, 3)


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


def amount(done_bytes: float, total_bytes: float) -> str:
    """How much of a whole: `1.20 of 3.40 GB`, both in the whole's unit and with its decimals, so that only digits change."""
    whole = size(total_bytes)
    number, unit = whole.split(" ")
    scale = {"GB": 1e9, "MB": 1e6, "kB": 1e3}.get(unit, 1.0)
    decimals = len(number.partition(".")[2])
    return f"{done_bytes / scale:,.{decimals}f} of {whole}"


def rate(tokens_per_s: float | None) -> str:
    return UNKNOWN if tokens_per_s is None else f"{significant(tokens_per_s)} tok/s"


def request_rate(requests_per_s: float | None) -> str:
    return UNKNOWN if requests_per_s is None else f"{significant(requests_per_s)} req/s"


def ratio(value: float | None, baseline: float | None) -> str:
    """A multiple of the baseline's value."""
    return UNKNOWN if value is None or not baseline else f"{significant(value / baseline)}×"


def change(value: float | None, baseline: float | None) -> str:
    """How much more or less than the baseline's value, in percent: `−31 %`, `+2.6 %`; `0 %` when both are written alike."""
    if value is None or not baseline:
        return UNKNOWN
    percent = (value / baseline - 1) * 100
    rounded = _percent(abs(percent))
    if rounded == "0.0" or significant(value) == significant(baseline):
        return "0 %"
    return f"{'−' if percent < 0 else '+'}{rounded} %"


def share(part: float | None) -> str:
    """A part of one in whole percent: `93 %`. `100 %` and `0 %` are said only of all and of none: `99.7 %`, `0.2 %`."""
    if part is None:
        return UNKNOWN
    percent = 100 * part
    if 99.5 <= percent < 100:
        return f"{min(percent, 99.9):.1f} %"
    return f"{max(percent, 0.1):.1f} %" if 0 < percent < 0.5 else f"{percent:.0f} %"


def _percent(percent: float) -> str:
    """Figures of three digits cannot tell less than a tenth of a percent."""
    if percent < 9.95:
        return f"{percent:.1f}"
    return f"{percent:.0f}" if percent < 999.5 else significant(percent)


def between(low: str, high: str) -> str:
    """Two figures as a range: `26.1–28.0 ms`, `980 ms–1.02 s`; one figure if they are written alike."""
    if low == high:
        return low
    unit = low.partition(" ")[2]
    return f"{low.removesuffix(' ' + unit)}–{high}" if unit and unit == high.partition(" ")[2] else f"{low}–{high}"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
