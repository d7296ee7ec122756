"""How weights are executed. Changing it never loads them again.

An option is a field here: what it may be stands in its type, everything else about it in its `RuntimeOption`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from playground.spec.values import Option, Optioned

_DEVICE = re.compile(r"cpu|cuda:\d{1,2}")


@dataclass(frozen=True, slots=True)
class RuntimeOption(Option):
    """What the option's value does. The functions take the value, its default filled in."""

    load: str = ""
    """The keyword of `from_pretrained` that takes it; such an option needs a module tree of its own."""
    read_back: str = ""
    """Where the loaded model says what it is, by attributes: `config._attn_implementation`. "": it is not read back."""
    generate: Callable[[Any], Mapping[str, Any]] = lambda value: {}
    """The arguments of `generate`."""
    kv_factor: Callable[[Any], float] = lambda value: 1.0
    """How many times the KV cache of plain 16-bit keys and values its own takes."""


def _check_device(value: str) -> str:
    if not _DEVICE.fullmatch(value):
        raise ValueError(f"{value!r} is not a device (allowed: cpu, cuda:0, cuda:1, …)")
    return value


class Runtime(Optioned):
    """Attention, device, …"""

    attention: Annotated[
        Literal["sdpa", "eager"] | None,
        RuntimeOption(default="sdpa", load="attn_implementation", read_back="config._attn_implementation"),
    ] = None
    device: Annotated[Annotated[str, AfterValidator(_check_device)] | None, RuntimeOption()] = None

    def values(self) -> Iterator[tuple[RuntimeOption, Any]]:
        """Each option with its value, defaults filled in."""
        filled = self.filled()
        for name, option in self.options().items():
            assert isinstance(option, RuntimeOption)
            yield option, getattr(filled, name)

    def load_arguments(self) -> dict[str, Any]:
        """What `from_pretrained` is given; two runtimes with the same can share a module tree."""
        return {option.load: value for option, value in self.values() if option.load}

    def generate_arguments(self) -> dict[str, Any]:
        return {name: argument for option, value in self.values() for name, argument in option.generate(value).items()}

    @property
    def kv_factor(self) -> float:
        factor = 1.0
        for option, value in self.values():
            factor *= option.kv_factor(value)
        return factor


DEFAULT_RUNTIME = Runtime()
