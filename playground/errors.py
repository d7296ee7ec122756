"""The errors that rooms hand to one another, each with a sentence for a person."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input, in one sentence for the person who typed it: what, where, what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class EngineError(Exception):
    """An engine cannot do what it is asked; the text is one sentence for the reader."""


RUN_IS_ON = "a run is on; a variant can be evicted when it has ended"
NOT_LOADED = "this variant is not loaded any more"
