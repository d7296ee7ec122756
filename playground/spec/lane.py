"""What to run: variants, decodings, lanes and the run request, as validated values.

A lane is written as text, the same everywhere (command line, page, presets, labels):

    lane     = [model ":"] precision ["[" options "]"] ["+" adapters] ["/" decoding ["(" options ")"]] ["@" batch]
    options  = key "=" value {"," key "=" value}
    adapters = adapter [".merged"]  |  adapter "|" adapter {"|" adapter}     (several: one a row of the batch, in turn; "none" is one too)

`Lane.parse(text)` reads it and `str(lane)` writes the canonical form; `Lane.parse(str(lane)) == lane`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from playground.errors import InputError
from playground.spec.decoding import DECODINGS, Decoding, Greedy
from playground.spec.explain import explain
from playground.spec.values import Value
from playground.spec.weights import PRECISIONS, Variant

MAX_BATCH = 32


_LANE = re.compile(
    r"(?:(?P<model>[^:/@+\[\]()]*):)?"
    r"(?P<precision>[^:/@+\[\]()]*)"
    r"(?:\[(?P<options>[^\[\]]*)\])?"
    r"(?:\+(?P<adapter>[^/@+\[\]()]*))?"
    r"(?:/(?P<decoding>[^/@()\[\]+]*)(?:\((?P<parameters>[^()]*)\))?)?"
    r"(?:@(?P<batch>[^@]*))?"
)


class Lane(Value):
    """One column on the screen: a variant, a decoding and a batch size."""

    variant: Variant
    decoding: Decoding = Greedy()
    batch: Annotated[int, Field(ge=1, le=MAX_BATCH)] = 1

    @model_validator(mode="after")
    def _an_adapter_a_row(self) -> Lane:
        if len(self.variant.adapters) > self.batch:
            count = len(self.variant.adapters)
            raise ValueError(
                f"{count} adapters do not fit in batch {self.batch}; allowed: at most one a row, as in +{self.variant.adapter}@{count}"
            )
        return self

    @property
    def adapters(self) -> tuple[str | None, ...]:
        """Of each row of the batch; None: without one."""
        named = self.variant.adapters or (None,)
        return tuple(named[row % len(named)] for row in range(self.batch))

    def __str__(self) -> str:
        decoding = "" if self.decoding == Greedy() else f"/{self.decoding}"
        return f"{self.variant}{decoding}{f'@{self.batch}' if self.batch > 1 else ''}"

    @classmethod
    def parse(cls, text: str) -> Lane:
        """Reads lane text. Raises `InputError` with one sentence if it is not a lane."""
        field = f"lane {text.strip()!r}"
        found = _LANE.fullmatch(re.sub(r"\s+", "", text))
        if not found:
            raise InputError(field, "not understood; a lane is written like int8, nf4[double_quant=true], bf16+adapter/top_p(p=0.9)@8")
        part = found.groupdict()
        _one_of(field, "precision", part["precision"], PRECISIONS)
        variant = {"precision": part["precision"], **_options(field, part["options"], Variant.OPTIONS, f"{part['precision']}[…]")}
        if part["model"] is not None:
            variant["model"] = part["model"]
        if part["adapter"] is not None:
            variant["merged"] = part["adapter"].endswith(".merged")
            variant["adapter"] = part["adapter"].removesuffix(".merged")
        strategy = part["decoding"] if part["decoding"] is not None else "greedy"
        _one_of(field, "decoding", strategy, tuple(DECODINGS))
        allowed = tuple(name for name in DECODINGS[strategy].model_fields if name != "strategy")
        decoding = {"strategy": strategy, **_options(field, part["parameters"], allowed, f"{strategy}(…)")}
        lane: dict[str, Any] = {"variant": variant, "decoding": decoding}
        if part["batch"] is not None:
            lane["batch"] = part["batch"]
        try:
            return cls.model_validate(lane)
        except ValidationError as error:
            raise InputError(field, explain(error)) from None


def _one_of(field: str, what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(field, f"unknown {what} {value!r} (allowed: {', '.join(allowed)})")


def _options(field: str, text: str | None, allowed: tuple[str, ...], owner: str) -> dict[str, Any]:
    if text is None or text == "":
        return {}
    options: dict[str, Any] = {}
    for item in text.split(","):
        key, equals, value = item.partition("=")
        if key not in allowed:
            raise InputError(field, f"unknown option {key!r} in {owner} (allowed: {', '.join(allowed) or 'none'})")
        if not equals or not value:
            raise InputError(field, f"option {key!r} has no value; write {key}=…")
        if key in options:
            raise InputError(field, f"option {key!r} is given twice")
        options[key] = value
    return options
