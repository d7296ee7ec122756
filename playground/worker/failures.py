"""What can go wrong with a load, in one sentence for the reader."""

from __future__ import annotations

from playground.spec.weights import Weights


class LoadError(Exception):
    """A variant cannot be loaded, or is not what was asked; one sentence for the reader."""


def must(so: bool, weights: Weights, found: str) -> None:
    """Raises LoadError unless what was read back is so; `found`: what is there instead."""
    if not so:
        raise LoadError(f"{weights.scheme} was asked, but {found}; nothing was run")


def first_line(error: BaseException) -> str:
    """The first line of an error's text, for one sentence."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
