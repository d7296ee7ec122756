"""Lane text ↔ the fields of a lane's row, and what can be done with the rows; pure. The text is the truth, the fields are read from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel

from playground.errors import InputError
from playground.spec.decoding import DECODINGS
from playground.spec.lane import Lane
from playground.spec.weights import SCHEMES, schemes_with
from playground.ui.lane_editor.option_fields import Fields, names_of, option_names, parameter_names

NEXT_LANES = ("bf16", "int8", "nf4", "fp32", "fp4", "bf16/top_p(p=0.9)", "bf16/beam(num_beams=4)", "bf16@4", "nf4@4")


def field_names() -> list[str]:
    """Of everything a lane may say."""
    return ["model", "precision", *option_names(), "adapter", "decoding", *parameter_names(), "batch"]


def fields_of(lane: Lane) -> dict[str, str]:
    """Every field of a lane; those it does not have are ""."""
    variant = lane.variant
    adapter = f"{variant.adapter}{'.merged' if variant.merged else ''}" if variant.adapter else ""
    own = {"model": variant.model or "", "precision": variant.weights.scheme, "adapter": adapter, "batch": str(lane.batch)}
    values = _values(variant.weights) | _values(variant.runtime) | _values(lane.decoding)
    return dict.fromkeys(field_names(), "") | values | own | {"decoding": lane.decoding.strategy}


def text_of(fields: Fields) -> str:
    """The lane text these fields say, whether or not it is a lane. What the precision or decoding does not have is left out."""
    options = _written(fields, [name for name in option_names() if fields["precision"] in (schemes_with(name) or SCHEMES)])
    parameters = _written(fields, names_of(DECODINGS.get(fields["decoding"])))
    model = f"{fields['model']}:" if fields["model"] else ""
    adapter = f"+{fields['adapter']}" if fields["adapter"] else ""
    brackets = f"[{options}]" if options else ""
    return f"{model}{fields['precision']}{brackets}{adapter}/{fields['decoding']}({parameters})@{fields['batch']}"


def changed(fields: Fields, name: str, value: str) -> dict[str, str]:
    """The fields with one of them changed. Another decoding begins with its own main parameter: top-p's 0.9 is no min-p."""
    forget = {main: "" for one in DECODINGS.values() for main in one.main} if name == "decoding" else {}
    return {**fields, **forget, name: value}


def canonical(text: str) -> str:
    """The text as labels write it; as it is when it is not a lane."""
    try:
        return str(Lane.parse(text))
    except InputError:
        return text


def split_lanes(text: str) -> tuple[str, ...]:
    """The lanes of a text that was typed or pasted: parted by lines or semicolons, or by spaces when each part is a lane."""
    parts = [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]
    return tuple(lane for part in parts for lane in _by_spaces(part)) or (text,)


def _by_spaces(text: str) -> list[str]:
    words = text.split()
    return words if all(map(is_lane, words)) else [text]


def is_lane(text: str) -> bool:
    """Whether it can be read as one lane."""
    try:
        Lane.parse(text)
    except InputError:
        return False
    return True


def _values(owner: BaseModel) -> dict[str, str]:
    return {name: "" if value is None else str(value).lower() for name, value in owner}


def _written(fields: Fields, names: Sequence[str]) -> str:
    return ",".join(f"{name}={fields[name]}" for name in names if fields[name])


@dataclass(frozen=True, slots=True)
class Lanes:
    """The rows that are shown, from top to bottom, and which of them the others are compared with."""

    texts: tuple[str, ...]
    baseline: int = 0

    def added(self) -> Lanes:
        """One more: a lane that is not there yet."""
        return replace(self, texts=(*self.texts, next((lane for lane in NEXT_LANES if lane not in self.texts), self.texts[-1])))

    def doubled(self, index: int) -> Lanes:
        """The lane once more, below itself."""
        order = list(range(len(self.texts)))
        return self._ordered([*order[: index + 1], index, *order[index + 1 :]])

    def removed(self, index: int) -> Lanes:
        """Without the lane; the last one stays. Without the baseline, the first is compared with."""
        order = [other for other in range(len(self.texts)) if other != index]
        return self._ordered(order) if order else self

    def moved(self, index: int, by: int) -> Lanes:
        """The lane `by` rows further down (up when negative); what would leave the rows stays."""
        to = index + by
        if not 0 <= to < len(self.texts):
            return self
        order = list(range(len(self.texts)))
        order.insert(to, order.pop(index))
        return self._ordered(order)

    def compared_with(self, index: int) -> Lanes:
        return replace(self, baseline=index)

    def filled(self, index: int, texts: Sequence[str]) -> Lanes:
        """These texts in the row and those below it, which grow in number if need be."""
        return replace(self, texts=(*self.texts[:index], *texts, *self.texts[index + len(texts) :]))

    def _ordered(self, order: Sequence[int]) -> Lanes:
        baseline = order.index(self.baseline) if self.baseline in order else 0
        return Lanes(tuple(self.texts[index] for index in order), baseline)
