"""What to run: a variant, a decoding and a batch size, as text.

A lane is written the same everywhere (command line, page, presets, labels, recordings):

    lane     = [model ":"] scheme ["[" options "]"] ["+" adapters] ["/" decoding ["(" options ")"]] ["@" batch]
    options  = key "=" value {"," key "=" value}                              (the weights' and the runtime's alike)
    adapters = adapter [".merged"]  |  adapter "|" adapter {"|" adapter}     (several: one a row of the batch, in turn; "none" is one too)

`Lane.parse(text)` reads it and `str(lane)` writes the canonical form; `Lane.parse(str(lane)) == lane`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field, InstanceOf, ModelWrapValidatorHandler, ValidationError, model_serializer, model_validator

from playground.errors import InputError
from playground.spec.decoding import DECODINGS, Decoding, Greedy
from playground.spec.explain import explain
from playground.spec.runtime import Runtime
from playground.spec.values import Value, option_text
from playground.spec.variant import Variant
from playground.spec.weights import SCHEMES, Weights, schemes_with

MAX_BATCH = 32
_LANE = re.compile(
    r"(?:(?P<model>[^:/@+\[\]()]*):)?"
    r"(?P<scheme>[^:/@+\[\]()]*)"
    r"(?:\[(?P<options>[^\[\]]*)\])?"
    r"(?:\+(?P<adapter>[^/@+\[\]()]*))?"
    r"(?:/(?P<decoding>[^/@()\[\]+]*)(?:\((?P<parameters>[^()]*)\))?)?"
    r"(?:@(?P<batch>[^@]*))?"
)


class Lane(Value):
    """One column on the screen. In JSON it is its text."""

    variant: Variant
    decoding: InstanceOf[Decoding] = Greedy()
    batch: Annotated[int, Field(ge=1, le=MAX_BATCH)] = 1

    @model_validator(mode="wrap")
    @classmethod
    def _from_document(cls, document: Any, build: ModelWrapValidatorHandler[Lane]) -> Lane:
        if isinstance(document, Mapping) and isinstance(document.get("variant"), Mapping):
            document = _text_of(document)
        return cls.parse(document) if isinstance(document, str) else build(document)

    @model_validator(mode="after")
    def _rows_fit(self) -> Lane:
        count, most = len(self.variant.adapters), self.decoding.max_rows
        if count > self.batch:
            raise ValueError(
                f"{count} adapters do not fit in batch {self.batch}; allowed: at most one a row, as in +{self.variant.adapter}@{count}"
            )
        if most is not None and self.batch > most:
            raise ValueError(f"{self.decoding.strategy} decodes no batch of {self.batch}; allowed: at most @{most}")
        return self

    @model_serializer
    def _as_text(self) -> str:
        return str(self)

    @property
    def adapters(self) -> tuple[str | None, ...]:
        """Of each row of the batch; None: without one."""
        named = self.variant.adapters or (None,)
        return tuple(named[row % len(named)] for row in range(self.batch))

    @property
    def sequences(self) -> int:
        """All that are decoded at once."""
        return self.batch * self.decoding.sequences

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
        scheme = SCHEMES[_one_of(field, "precision", part["scheme"], SCHEMES)]
        options = _variant_options(field, part["options"], scheme)
        decoding = DECODINGS[_one_of(field, "decoding", "greedy" if part["decoding"] is None else part["decoding"], DECODINGS)]
        parameters = _options(field, part["parameters"], decoding.parameters(), f"{decoding.strategy}(…)")
        batch = {} if part["batch"] is None else {"batch": part["batch"]}
        try:
            variant = _variant(scheme, options, part["model"], part["adapter"])
            return cls.model_validate({"variant": variant, "decoding": decoding.model_validate(parameters), **batch})
        except ValidationError as error:
            raise InputError(field, explain(error)) from None


def _variant(scheme: type[Weights], options: Mapping[str, str], model: str | None, adapter: str | None) -> Variant:
    """Raises ValidationError."""
    held = {name: value for name, value in options.items() if name in scheme.options()}
    run = {name: value for name, value in options.items() if name not in held}
    parts: dict[str, Any] = {"weights": scheme.model_validate(held), "runtime": Runtime.model_validate(run)}
    if model is not None:
        parts["model"] = model
    if adapter is not None:
        parts |= {"adapter": adapter.removesuffix(".merged"), "merged": adapter.endswith(".merged")}
    return Variant.model_validate(parts)


def _one_of(field: str, what: str, value: str, allowed: Iterable[str]) -> str:
    if value not in allowed:
        raise InputError(field, f"unknown {what} {value!r} (allowed: {', '.join(allowed)})")
    return value


def _variant_options(field: str, text: str | None, scheme: type[Weights]) -> dict[str, str]:
    every = dict.fromkeys(name for one in SCHEMES.values() for name in one.options())
    options = _options(field, text, (*every, *Runtime.options()), f"{scheme.scheme}[…]")
    for name in options:
        if name in every and name not in scheme.options():
            raise InputError(field, f"{name} is an option of {' and '.join(schemes_with(name))}, not of {scheme.scheme}")
    return options


def _options(field: str, text: str | None, allowed: tuple[str, ...], owner: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for item in text.split(",") if text else ():
        key, equals, value = item.partition("=")
        if key not in allowed:
            raise InputError(field, f"unknown option {key!r} in {owner} (allowed: {', '.join(allowed) or 'none'})")
        if not equals or not value:
            raise InputError(field, f"option {key!r} has no value; write {key}=…")
        if key in options:
            raise InputError(field, f"option {key!r} is given twice")
        options[key] = value
    return options


def _text_of(document: Mapping[str, Any]) -> str:
    """The lane text of a lane as recordings of schema 1 and 2 hold it, by its fields."""
    variant, decoding = dict(document["variant"]), dict(document.get("decoding") or {})
    model, scheme, adapter = variant.pop("model", None), variant.pop("precision", ""), variant.pop("adapter", None)
    merged, strategy = variant.pop("merged", False), decoding.pop("strategy", "greedy")
    adapters = f"+{adapter}{'.merged' if merged else ''}" if adapter else ""
    return (
        f"{f'{model}:' if model else ''}{scheme}[{_written(variant)}]{adapters}/{strategy}({_written(decoding)})@{document.get('batch', 1)}"
    )


def _written(options: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={option_text(value)}" for name, value in options.items() if value is not None)
