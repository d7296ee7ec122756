"""Families of quantization: what the loader must know of a scheme beside its recipe. One module a family, imported when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import torch

from playground.spec.weights import Weights
from playground.worker.schemes.family import Family

FAMILIES: dict[str, Family] = {}
"""By name, those that were needed so far."""


def family_of(weights: Weights) -> Family:
    """Raises ImportError where a package that it needs is missing."""
    if weights.family not in FAMILIES:
        FAMILIES[weights.family] = import_module(f"{__name__}.{weights.family}").FAMILY
    return FAMILIES[weights.family]


def states_of(module: torch.nn.Module) -> Iterator[object]:
    """What a quantized module holds beside parameters and buffers, of whatever family it is."""
    for family in FAMILIES.values():
        yield from family.states(module)
