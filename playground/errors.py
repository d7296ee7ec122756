"""Bad input, as one sentence for the person who typed it."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input, in one sentence for the person who typed it: what, where, what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
