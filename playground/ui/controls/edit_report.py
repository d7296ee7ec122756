"""What the browser says was done in the controls: one edit, checked like everything that comes from outside."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Act = Literal["preset", "set", "share", "restore", "add", "typed", "field", "remove", "duplicate", "up", "down", "baseline"]
Short = Annotated[str, Field(max_length=80)]


class Report(BaseModel):
    """One edit. What it does not need is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    act: Act
    serial: int
    """The browser's count, given back in the answer."""
    row: Annotated[int, Field(ge=0)] = 0
    """Of a lane, from 0."""
    name: Short = ""
    """Of the field that was changed."""
    fields: dict[Short, Short] = {}
    """All fields of the row, as they stand after it."""
    text: Annotated[str, Field(max_length=4000)] = ""
    search: Annotated[str, Field(max_length=20_000)] = ""
    """The address's query."""

    @classmethod
    def read(cls, data: Any) -> Report | None:
        """None when it is not to be believed: the page's own script writes no such thing."""
        try:
            return cls.model_validate(data)
        except ValidationError:
            return None
