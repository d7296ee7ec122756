"""A model and how it is held."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from playground.spec.names import NO_ADAPTER, Name, check_name
from playground.spec.values import Value, join_options

Precision = Literal["fp32", "bf16", "fp16", "int8", "nf4", "fp4"]


Dtype = Literal["fp32", "bf16", "fp16"]


Attention = Literal["sdpa", "eager"]


PRECISIONS: tuple[str, ...] = get_args(Precision)


FOUR_BIT = ("nf4", "fp4")


_DEVICE = re.compile(r"cpu|cuda:\d{1,2}")


def _check_adapters(value: str) -> str:
    names = value.split("|")
    for name in names:
        check_name(name)
    if set(names) == {NO_ADAPTER}:
        raise ValueError(f"{value!r} is no adapter; leave it out, or name one too, as in {NO_ADAPTER}|faq")
    return value


class Variant(Value):
    """A model and how it is held. `None` in an option means its default."""

    model: Name | None = None
    precision: Precision
    threshold: Annotated[float, Field(ge=0, le=1000)] | None = None
    double_quant: bool | None = None
    compute: Dtype | None = None
    attention: Attention | None = None
    device: str | None = None
    adapter: Annotated[str, BeforeValidator(_check_adapters)] | None = None
    """A name; or several, parted by "|": the rows of a batch take them in turn."""
    merged: bool = False

    OPTIONS: ClassVar[tuple[str, ...]] = ("threshold", "double_quant", "compute", "attention", "device")

    @field_validator("device")
    @classmethod
    def _device(cls, value: str | None) -> str | None:
        if value is not None and not _DEVICE.fullmatch(value):
            raise ValueError(f"{value!r} is not a device (allowed: cpu, cuda:0, cuda:1, …)")
        return value

    @model_validator(mode="after")
    def _options_fit(self) -> Variant:
        if self.threshold is not None and self.precision != "int8":
            raise ValueError(f"threshold is an option of int8, not of {self.precision}")
        for option in ("double_quant", "compute"):
            if getattr(self, option) is not None and self.precision not in FOUR_BIT:
                raise ValueError(f"{option} is an option of nf4 and fp4, not of {self.precision}")
        if self.merged and self.adapter is None:
            raise ValueError("only an adapter can be merged, and there is none")
        if self.merged and len(self.adapters) > 1:
            raise ValueError(
                f"one adapter can be merged, not several; allowed: {self.adapters[0]}.merged, or +{self.adapter} without merging"
            )
        return self

    @property
    def adapters(self) -> tuple[str | None, ...]:
        """Of the rows of a batch, in turn; None: without one. Empty when no row has one."""
        return tuple(None if name == NO_ADAPTER else name for name in self.adapter.split("|")) if self.adapter else ()

    @property
    def quantized(self) -> bool:
        return self.precision in ("int8", *FOUR_BIT)

    def __str__(self) -> str:
        options = join_options(self, self.OPTIONS)
        adapter = f"+{self.adapter}{'.merged' if self.merged else ''}" if self.adapter else ""
        return f"{self.model + ':' if self.model else ''}{self.precision}{f'[{options}]' if options else ''}{adapter}"
