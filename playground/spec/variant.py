"""A model and how it is held: its name, its weights, their runtime, and the adapters on it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, InstanceOf, model_validator

from playground.spec.names import NO_ADAPTER, Name, check_name
from playground.spec.runtime import Runtime
from playground.spec.values import Value
from playground.spec.weights import Weights


def _check_adapters(value: str) -> str:
    names = value.split("|")
    for name in names:
        check_name(name)
    if set(names) == {NO_ADAPTER}:
        raise ValueError(f"{value!r} is no adapter; leave it out, or name one too, as in {NO_ADAPTER}|faq")
    return value


class Variant(Value):
    """A model × weights × runtime × adapters."""

    model: Name | None = None
    """None: the run's."""
    weights: InstanceOf[Weights]
    runtime: Runtime = Runtime()
    adapter: Annotated[str, BeforeValidator(_check_adapters)] | None = None
    """A name; or several, parted by "|": the rows of a batch take them in turn."""
    merged: bool = False

    @model_validator(mode="after")
    def _one_is_merged(self) -> Variant:
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

    def base_label(self, default_model: str) -> str:
        """What is loaded for it, by name: `smollm2-135m nf4[double_quant=true]`, `smollm2-135m nf4+faq.merged`.

        What hangs on it is named `… + adapter`.
        """
        attached = {} if self.merged else {"adapter": None}
        return f"{self.model or default_model} {self.model_copy(update={'model': None, 'runtime': Runtime(), **attached})}"

    def __str__(self) -> str:
        options = ",".join(filter(None, (self.weights.written(), self.runtime.written())))
        adapter = f"+{self.adapter}{'.merged' if self.merged else ''}" if self.adapter else ""
        return f"{self.model + ':' if self.model else ''}{self.weights.scheme}{f'[{options}]' if options else ''}{adapter}"
