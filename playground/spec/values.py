"""What every validated value of this package is, and how its options are written."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


def join_options(value: BaseModel, names: Any) -> str:
    return ",".join(f"{name}={option_text(getattr(value, name))}" for name in names if getattr(value, name) is not None)


def option_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)
