"""What pydantic found wrong, as one sentence of ours."""

from __future__ import annotations

import re

from pydantic import ValidationError

from playground.errors import InputError

_NOT_WRITTEN = "workload"
"""The part of a place that whoever wrote the value did not write."""


def explain(error: ValidationError) -> str:
    """The first thing that is wrong, as one sentence: field, what was given, what is allowed."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"] if part != _NOT_WRITTEN)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return str(cause)
    what = str(cause) if cause else first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "extra_forbidden":
        what = "there is no such field"
    elif first["type"] in ("too_short", "too_long"):
        limits = first["ctx"]
        bound = f"at least {limits['min_length']}" if first["type"] == "too_short" else f"at most {limits['max_length']}"
        what = f"must be {bound} in number, not {limits['actual_length']}"
    elif not cause and first["type"] != "missing":
        what += f", not {str(first['input'])[:80]!r}"
    return f"{where}: {what}" if where and not re.search(rf"\b{re.escape(where)}\b", what) else what
