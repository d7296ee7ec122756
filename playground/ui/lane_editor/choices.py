"""What each field of a lane's row offers: its choices, and of what cannot be chosen the reason in words; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from playground.errors import InputError
from playground.settings import Settings
from playground.spec.decoding import DECODINGS
from playground.spec.lane import MAX_BATCH, Lane
from playground.spec.names import NO_ADAPTER, random_rank
from playground.spec.runtime import Runtime
from playground.spec.values import choices
from playground.spec.weights import SCHEMES, schemes_with
from playground.ui.lane_editor.lane_fields import Fields, Lanes, fields_of, parameters_of

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
UNTRAINED = "random-r16"
"""Of the untrained adapters the one that is offered; another rank is typed."""


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
    rows_elsewhere: int = 0
    """Of the largest batch among the other lanes: so many prompts are asked whatever this one's batch is."""

    @classmethod
    def of(cls, settings: Settings, devices: tuple[str, ...] | None, prompts: int) -> Here:
        return cls(tuple(settings.models), tuple(settings.adapters), devices, prompts)


def row_state(text: str, here: Here, index: int, count: int, baseline: int, most: int) -> str:
    """What the row's fields and buttons show, as JSON; `<` is escaped: nothing in it can be taken for markup."""
    try:
        fields: Fields | None = fields_of(Lane.parse(text))
    except InputError:
        fields = None
    state = {
        "fields": dict(fields) if fields is not None else None,
        "slots": [_slot(slot, fields, here) for slot in SLOTS] if fields is not None else [],
        "baseline": index == baseline,
        "may": {"duplicate": count < most, "up": index > 0, "down": index < count - 1},
    }
    return json.dumps(state, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def row_states(lanes: Lanes, here: Here, most: int, only: Sequence[int] | None = None) -> dict[int, str]:
    """`row_state` of every row, or of those of these indices."""
    batches = [_batch(text) for text in lanes.texts]
    wanted = range(len(lanes.texts)) if only is None else only
    return {
        index: row_state(
            lanes.texts[index],
            replace(here, rows_elsewhere=max((*batches[:index], *batches[index + 1 :]), default=0)),
            index,
            len(lanes.texts),
            lanes.baseline,
            most,
        )
        for index in wanted
    }


def _batch(text: str) -> int:
    """Of a lane; 0 when the text is none."""
    try:
        return Lane.parse(text).batch
    except InputError:
        return 0


def _slot(slot: Sequence[str], fields: Fields, here: Here) -> dict[str, Any]:
    name = next((name for name in slot if not missing(name, fields)), slot[0])
    reason = missing(name, fields)
    choices = [] if reason else list(offers(name, fields, here))
    return {"name": name, "label": LABELS.get(name, name), "reason": reason, "choices": choices, "hint": HINTS.get(name, "")}


def missing(name: str, fields: Fields) -> str:
    """Why a lane of these fields does not have this one; "" when it has."""
    precisions = schemes_with(name)
    if precisions and fields["precision"] not in precisions:
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
            return [Choice(one, one) for one in SCHEMES]
        case "double_quant":
            return [Choice("", DEFAULT), Choice("true", "yes"), Choice("false", "no")]
        case "compute":
            return _plain(choices(SCHEMES[fields["precision"]], name))
        case "attention":
            return _plain(choices(Runtime, name))
        case "device":
            return _devices(fields[name], here.devices)
        case "adapter":
            return _adapters(fields[name], here.adapters, int(fields["batch"]))
        case "decoding":
            return [Choice(one, one) for one in DECODINGS]
        case "batch":
            return [Choice(str(size), str(size), _too_few(size, fields, here)) for size in range(1, MAX_BATCH + 1)]
        case _:
            return []


def _plain(values: Iterable[str]) -> list[Choice]:
    return [Choice("", DEFAULT), *(Choice(one, one) for one in values)]


def _known(value: str, none: Choice, names: Sequence[str]) -> list[Choice]:
    """The names; and the value, when it is none of them: it is kept and said."""
    odd = [Choice(value, value, "not known here")] if value and value not in names else []
    return [none, *(Choice(name, name) for name in names), *odd]


def _adapters(value: str, names: Sequence[str], batch: int) -> list[Choice]:
    """None, each as it is, merged and on every second row, an untrained one; and what was typed, when it is none of these."""
    alone = "" if batch > 1 else "needs a batch of 2 rows or more"
    own = [
        choice
        for name in names
        for choice in (
            Choice(name, name),
            Choice(f"{name}.merged", f"{name}.merged"),
            Choice(f"{name}|{NO_ADAPTER}", f"{name}|{NO_ADAPTER} by row", alone),
        )
    ]
    offered = [Choice("", "none"), *own, Choice(UNTRAINED, f"{UNTRAINED}, untrained")]
    typed = [] if value in [one.value for one in offered] else [Choice(value, value, _strange(value, names))]
    several = [Choice(f"{value}.merged", f"{value}.merged", "one adapter can be merged, not several")] if "|" in value else []
    none_here = [] if names else [Choice("?", "others", "this page offers no adapters")]
    return [*offered, *typed, *several, *none_here]


def _strange(adapters: str, names: Sequence[str]) -> str:
    """What is wrong with a choice that was typed; "" when it can be."""
    asked = adapters.removesuffix(".merged").split("|")
    return "" if all(name in (*names, NO_ADAPTER) or random_rank(name) for name in asked) else "not known here"


def _too_few(size: int, fields: Fields, here: Here) -> str:
    """Why a batch cannot be so small; "" when it can."""
    adapters = fields["adapter"].count("|") + 1
    if size < adapters:
        return f"fewer rows than the {adapters} adapters"
    return (
        f"fewer than the {here.prompts} prompts, and no other lane asks them all" if max(size, here.rows_elsewhere) < here.prompts else ""
    )


def _devices(value: str, devices: tuple[str, ...] | None) -> list[Choice]:
    there = devices if devices is not None else ("cpu",)
    absent = dict.fromkeys((*(() if any(one != "cpu" for one in there) else ("cuda:0",)), *([value] if value else [])))
    reason = "not on this machine" if devices is not None else "not known yet"
    return [Choice("", DEFAULT), *(Choice(one, one) for one in there), *(Choice(one, one, reason) for one in absent if one not in there)]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
