"""What each field of a lane's row offers: its choices, and of what cannot be chosen the reason in words; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from playground.settings import Settings
from playground.spec import DECODINGS, MAX_BATCH, PRECISIONS, Attention, Dtype, Lane, SpecError
from playground.ui.lanes import PRECISIONS_OF, Fields, fields_of, parameters_of

SLOTS: tuple[tuple[str, ...], ...] = (
    ("model",),
    ("precision",),
    ("double_quant", "threshold"),
    ("compute",),
    ("attention",),
    ("device",),
    ("adapter",),
    ("decoding",),
    ("k", "p", "num_beams"),
    ("temperature", "length_penalty"),
    ("seed",),
    ("batch",),
)
"""The places of a row, left to right. Fields that no lane has together share one, so that every row has the same places."""
LABELS = {"num_beams": "beams", "double_quant": "double quant", "length_penalty": "length pen."}
HINTS = {"seed": "the run’s", "threshold": "6.0"}
"""What an empty field means."""
DEFAULT = "default"


class Choice(NamedTuple):
    value: str
    label: str
    reason: str = ""
    """Why it cannot be chosen; "" when it can."""


@dataclass(frozen=True, slots=True)
class Here:
    """What can be chosen from on this page, now."""

    models: tuple[str, ...]
    adapters: tuple[str, ...]
    devices: tuple[str, ...] | None = None
    """None: not known yet."""
    prompts: int = 1

    @classmethod
    def of(cls, settings: Settings, devices: tuple[str, ...] | None, prompts: int) -> Here:
        return cls(tuple(settings.models), tuple(settings.adapters), devices, prompts)


def row_state(text: str, here: Here, index: int, count: int, baseline: int, most: int) -> str:
    """What the row's fields and buttons show, as JSON; `<` is escaped: nothing in it can be taken for markup."""
    try:
        fields: Fields | None = fields_of(Lane.parse(text))
    except SpecError:
        fields = None
    state = {
        "fields": dict(fields) if fields is not None else None,
        "slots": [_slot(slot, fields, here) for slot in SLOTS] if fields is not None else [],
        "baseline": index == baseline,
        "may": {"duplicate": count < most, "up": index > 0, "down": index < count - 1},
    }
    return json.dumps(state, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _slot(slot: Sequence[str], fields: Fields, here: Here) -> dict[str, Any]:
    name = next((name for name in slot if not missing(name, fields)), slot[0])
    reason = missing(name, fields)
    choices = [] if reason else list(offers(name, fields, here))
    return {"name": name, "label": LABELS.get(name, name), "reason": reason, "choices": choices, "hint": HINTS.get(name, "")}


def missing(name: str, fields: Fields) -> str:
    """Why a lane of these fields does not have this one; "" when it has."""
    precisions = PRECISIONS_OF.get(name)
    if precisions is not None and fields["precision"] not in precisions:
        return f"{name} is an option of {' and '.join(precisions)}, not of {fields['precision']}"
    owners = [one for one in DECODINGS if name in parameters_of(one)]
    if owners and fields["decoding"] not in owners:
        return f"{name} is a parameter of {_listed(owners)}, not of {fields['decoding']}"
    return ""


def offers(name: str, fields: Fields, here: Here) -> Iterable[Choice]:
    """The choices of a field; none of one that is typed."""
    match name:
        case "model":
            return _known(fields[name], Choice("", "the run’s"), here.models)
        case "precision":
            return [Choice(one, one) for one in PRECISIONS]
        case "double_quant":
            return [Choice("", DEFAULT), Choice("true", "yes"), Choice("false", "no")]
        case "compute":
            return _plain(get_args(Dtype))
        case "attention":
            return _plain(get_args(Attention))
        case "device":
            return _devices(fields[name], here.devices)
        case "adapter":
            return _adapters(fields[name], here.adapters)
        case "decoding":
            return [Choice(one, one) for one in DECODINGS]
        case "batch":
            few = f"fewer than the {here.prompts} prompts"
            return [Choice(str(size), str(size), few if size < here.prompts else "") for size in range(1, MAX_BATCH + 1)]
        case _:
            return []


def _plain(values: Iterable[str]) -> list[Choice]:
    return [Choice("", DEFAULT), *(Choice(one, one) for one in values)]


def _known(value: str, none: Choice, names: Sequence[str], other: Sequence[str] = ()) -> list[Choice]:
    """The names; and the value, when it is none of them: it is kept and said."""
    odd = [Choice(value, value, "not known here")] if value and value not in (*names, *other) else []
    return [none, *(Choice(name, name) for name in names), *odd]


def _adapters(value: str, names: Sequence[str]) -> list[Choice]:
    merged = [Choice(f"{name}.merged", f"{name}.merged", "not supported yet") for name in names]
    rest = merged or [Choice("?", "others", "this page offers no adapters")]
    return [*_known(value, Choice("", "none"), names, [one.value for one in merged]), *rest]


def _devices(value: str, devices: tuple[str, ...] | None) -> list[Choice]:
    there = devices if devices is not None else ("cpu",)
    absent = dict.fromkeys((*(() if any(one != "cpu" for one in there) else ("cuda:0",)), *([value] if value else [])))
    reason = "not on this machine" if devices is not None else "not known yet"
    return [Choice("", DEFAULT), *(Choice(one, one) for one in there), *(Choice(one, one, reason) for one in absent if one not in there)]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
