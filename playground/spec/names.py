"""The names of models and adapters."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

NO_ADAPTER = "none"
"""Among a batch's adapters: the rows without one."""


MAX_RANK = 1024


EMBEDDED_MODEL = "smollm2-135m"


EMBEDDED_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"


_NAME = re.compile(r"[a-z0-9._-]+")


_RANDOM = re.compile(r"random-r([1-9]\d{0,3})")


def check_name(value: str) -> str:
    """A model's or adapter's name: `[a-z0-9._-]+`, not ending in `.merged`."""
    if not _NAME.fullmatch(value) or value.endswith(".merged"):
        raise ValueError(f"{value!r} is not a name (allowed: a-z 0-9 . _ -, not ending in .merged)")
    return value


def check_adapter_name(value: str) -> str:
    """The name of an adapter that somebody gives: none that already means something."""
    if value == NO_ADAPTER or _RANDOM.fullmatch(value):
        raise ValueError(f"{value!r} is not free for an adapter of one's own: none and random-r16, random-r64, … have a meaning")
    return check_name(value)


def random_rank(adapter: str) -> int | None:
    """The rank of an untrained adapter by its name, `random-r16`; None for any other name.

    Such an adapter is there on every model, without a file: PEFT's own start (A random, B zero) on every linear layer, so it costs
    what an adapter of that rank costs and changes no output.
    """
    found = _RANDOM.fullmatch(adapter)
    rank = int(found[1]) if found else None
    return rank if rank is not None and rank <= MAX_RANK else None


Name = Annotated[str, BeforeValidator(check_name)]


AdapterName = Annotated[str, BeforeValidator(check_adapter_name)]
