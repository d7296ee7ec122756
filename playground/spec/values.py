"""What every validated value of this package is, and what its options are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Frozen, and without a field that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False, use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Option:
    """What is to be known of an option beside its type; it stands in the field's annotation."""

    default: str | bool | int | float | None = None
    """What `None` means; None: that is for the engine to choose."""


class Optioned(Value):
    """A value of options alone, each a field with an `Option`. `None` in an option means its default."""

    @classmethod
    def options(cls) -> dict[str, Option]:
        """By name, in the order in which lane text writes them."""
        metadata = {name: info.metadata for name, info in cls.model_fields.items()}
        return {name: next(one for one in found if isinstance(one, Option)) for name, found in metadata.items()}

    def filled(self) -> Self:
        """The same with every default written out: two that mean the same are equal."""
        absent = {name: option.default for name, option in self.options().items() if getattr(self, name) is None}
        return self.model_copy(update=absent)

    def written(self) -> str:
        """As lane text has it between brackets."""
        return join_options(self, self.options())


def choices(value: type[BaseModel], name: str) -> tuple[str, ...]:
    """What a field may be, as lane text writes it; empty: it is typed."""
    return tuple(_choices(value.model_fields[name].annotation))


def _choices(annotation: Any) -> Iterator[str]:
    origin = get_origin(annotation)
    if annotation is bool:
        yield from ("true", "false")
    elif origin is Literal:
        yield from map(option_text, get_args(annotation))
    elif origin in (Union, UnionType):
        for one in get_args(annotation):
            yield from _choices(one)
    elif origin is Annotated:
        yield from _choices(get_args(annotation)[0])


def join_options(value: BaseModel, names: Iterable[str]) -> str:
    """These fields as lane text writes them, but for those that are None: `double_quant=true,compute=fp32`."""
    return ",".join(f"{name}={option_text(getattr(value, name))}" for name in names if getattr(value, name) is not None)


def option_text(value: object) -> str:
    """One option's value as lane text writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)
