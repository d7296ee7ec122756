"""How tokens are chosen: one class a strategy."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from playground.spec.values import Value, join_options

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


Temperature = Annotated[float, Field(gt=0, le=10)]


class _Decoding(Value):
    # The parameter written even when it has its default, so that a label says what ran.
    MAIN: ClassVar[tuple[str, ...]] = ()
    strategy: str

    def __str__(self) -> str:
        fields = type(self).model_fields
        shown = [name for name in fields if name != "strategy" and (name in self.MAIN or getattr(self, name) != fields[name].default)]
        return f"{self.strategy}{f'({join_options(self, shown)})' if shown else ''}"


class Greedy(_Decoding):
    strategy: Literal["greedy"] = "greedy"


class TopK(_Decoding):
    """Sample among the k likeliest tokens."""

    strategy: Literal["top_k"] = "top_k"
    k: Annotated[int, Field(ge=1, le=100_000)] = 50
    temperature: Temperature = 1.0
    seed: Seed | None = None
    MAIN = ("k",)


class TopP(_Decoding):
    """Sample among the likeliest tokens that together hold probability p."""

    strategy: Literal["top_p"] = "top_p"
    p: Annotated[float, Field(gt=0, le=1)] = 0.9
    temperature: Temperature = 1.0
    seed: Seed | None = None
    MAIN = ("p",)


class MinP(_Decoding):
    """Sample among tokens at least p times as likely as the likeliest one."""

    strategy: Literal["min_p"] = "min_p"
    p: Annotated[float, Field(gt=0, le=1)] = 0.05
    temperature: Temperature = 1.0
    seed: Seed | None = None
    MAIN = ("p",)


class Beam(_Decoding):
    strategy: Literal["beam"] = "beam"
    num_beams: Annotated[int, Field(ge=2, le=16)] = 4
    length_penalty: Annotated[float, Field(ge=-5, le=5)] = 1.0
    MAIN = ("num_beams",)


Decoding = Annotated[Greedy | TopK | TopP | MinP | Beam, Field(discriminator="strategy")]


DECODINGS: dict[str, type[_Decoding]] = {"greedy": Greedy, "top_k": TopK, "top_p": TopP, "min_p": MinP, "beam": Beam}
