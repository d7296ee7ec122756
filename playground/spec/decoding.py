"""How tokens are chosen: one class a strategy."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import Field

from playground.spec.values import Value, join_options

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Temperature = Annotated[float, Field(gt=0, le=10)]
Probability = Annotated[float, Field(gt=0, le=1)]


class Decoding(Value):
    """A strategy with its parameters."""

    strategy: ClassVar[str]
    """Its name in lane text."""
    main: ClassVar[tuple[str, ...]] = ()
    """Parameters that are written even when they have their default, so that a label says what ran."""
    sampled: ClassVar[bool] = False
    """Whether tokens are drawn at random."""
    revises: ClassVar[bool] = False
    """Whether tokens that were shown may still change: none is certain before the end."""
    max_rows: ClassVar[int | None] = None
    """The largest batch it can decode; None: any."""

    @property
    def sequences(self) -> int:
        """Sequences that are decoded at once for each row."""
        return 1

    @abstractmethod
    def generate_arguments(self) -> dict[str, Any]:
        """Of transformers' `generate`, everything that the strategy depends on: it samples with top_k=50 unless told otherwise."""

    def seed_in(self, run_seed: int) -> int:
        """The lane's own seed if it has one, else the run's."""
        return run_seed

    @classmethod
    def parameters(cls) -> tuple[str, ...]:
        """Their names, in the order in which lane text writes them."""
        return (*cls.main, *(name for name in cls.model_fields if name not in cls.main))

    def __str__(self) -> str:
        fields = type(self).model_fields
        shown = [name for name in self.parameters() if name in self.main or getattr(self, name) != fields[name].default]
        return f"{self.strategy}{f'({join_options(self, shown)})' if shown else ''}"


DECODINGS: dict[str, type[Decoding]] = {}
"""By name, in the order in which they are offered."""

D = TypeVar("D", bound=Decoding)


def register(decoding: type[D]) -> type[D]:
    """Makes a strategy known everywhere; a decorator."""
    DECODINGS[decoding.strategy] = decoding
    return decoding


@register
class Greedy(Decoding):
    """Always the likeliest token."""

    strategy = "greedy"

    def generate_arguments(self) -> dict[str, Any]:
        return {"do_sample": False, "num_beams": 1}


class _Sampling(Decoding):
    """A token drawn at random from those that are left after some were cut off."""

    sampled = True
    temperature: Temperature = 1.0
    seed: Seed | None = None

    def generate_arguments(self) -> dict[str, Any]:
        kept_all = {"top_k": 0, "top_p": 1.0, "min_p": None}
        return {"do_sample": True, "num_beams": 1, "temperature": self.temperature} | kept_all | self.cut()

    @abstractmethod
    def cut(self) -> dict[str, Any]:
        """The arguments that cut tokens off."""

    def seed_in(self, run_seed: int) -> int:
        return run_seed if self.seed is None else self.seed


@register
class TopK(_Sampling):
    """Sample among the k likeliest tokens."""

    strategy = "top_k"
    main = ("k",)
    k: Annotated[int, Field(ge=1, le=100_000)] = 50

    def cut(self) -> dict[str, Any]:
        return {"top_k": self.k}


@register
class TopP(_Sampling):
    """Sample among the likeliest tokens that together hold probability p."""

    strategy = "top_p"
    main = ("p",)
    p: Probability = 0.9

    def cut(self) -> dict[str, Any]:
        return {"top_p": self.p}


@register
class MinP(_Sampling):
    """Sample among tokens at least p times as likely as the likeliest one."""

    strategy = "min_p"
    main = ("p",)
    p: Probability = 0.05

    def cut(self) -> dict[str, Any]:
        return {"min_p": self.p}


@register
class Beam(Decoding):
    """The likeliest of several whole answers that are followed at once."""

    strategy = "beam"
    main = ("num_beams",)
    revises = True
    num_beams: Annotated[int, Field(ge=2, le=16)] = 4
    length_penalty: Annotated[float, Field(ge=-5, le=5)] = 1.0

    @property
    def sequences(self) -> int:
        return self.num_beams

    def generate_arguments(self) -> dict[str, Any]:
        return {"do_sample": False, "num_beams": self.num_beams, "length_penalty": self.length_penalty}
