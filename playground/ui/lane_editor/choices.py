"""What each field of a lane's row offers: its choices, and of what cannot be chosen the reason in words; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from playground.errors import InputError
from playground.settings import Settings
from playground.spec.decoding import DECODINGS
from playground.spec.lane import MAX_BATCH, Lane
from playground.spec.names import NO_ADAPTER, random_rank
from playground.spec.weights import SCHEMES
from playground.ui.lane_editor.lane_fields import Lanes, fields_of
from playground.ui.lane_editor.option_fields import Choice, Fields, absent, option_groups, set_options

MAIN = ("model", "precision", "adapter", "decoding", "batch")
"""The choices that stand in a lane's row, left to right; its options open beside them."""
DEFAULT = "default"
UNTRAINED = "random-r16"
"""Of the untrained adapters the one that is offered; another rank is typed."""


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
    state = {
        **_lane_state(text, here),
        "baseline": index == baseline,
        "may": {"duplicate": count < most, "up": index > 0, "down": index < count - 1},
    }
    return json.dumps(state, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _lane_state(text: str, here: Here) -> dict[str, Any]:
    try:
        fields = fields_of(Lane.parse(text))
    except InputError:
        return {"fields": None, "main": [], "groups": [], "absent": [], "set": ""}
    return {
        "fields": fields,
        "main": [{"name": name, "choices": list(offers(name, fields, here))} for name in MAIN],
        "groups": [asdict(group) for group in option_groups(fields, _devices(fields["device"], here.devices))],
        "absent": absent(fields),
        "set": set_options(fields),
    }


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


def offers(name: str, fields: Fields, here: Here) -> Iterable[Choice]:
    """The choices of a field of `MAIN`."""
    match name:
        case "model":
            return _known(fields[name], Choice("", "the run’s"), here.models)
        case "precision":
            return [Choice(one, one) for one in SCHEMES]
        case "adapter":
            return _adapters(fields[name], here.adapters, int(fields["batch"]))
        case "decoding":
            return [Choice(one, one) for one in DECODINGS]
        case "batch":
            return [Choice(str(size), str(size), _unfit(size, fields, here)) for size in range(1, MAX_BATCH + 1)]
        case _:
            raise ValueError(f"{name!r} is no choice of the row")


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
    named = adapters.removesuffix(".merged").split("|")
    return "" if all(name in (*names, NO_ADAPTER) or random_rank(name) for name in named) else "not known here"


def _unfit(size: int, fields: Fields, here: Here) -> str:
    """Why a batch cannot be of this size; "" when it can."""
    adapters, most = fields["adapter"].count("|") + 1, DECODINGS[fields["decoding"]].max_rows
    if most is not None and size > most:
        return f"{fields['decoding']} decodes at most {most}"
    if size < adapters:
        return f"fewer rows than the {adapters} adapters"
    few = max(size, here.rows_elsewhere) < here.prompts
    return f"fewer than the {here.prompts} prompts, and no other lane asks them all" if few else ""


def _devices(value: str, devices: tuple[str, ...] | None) -> list[Choice]:
    there = devices if devices is not None else ("cpu",)
    absent = dict.fromkeys((*(() if any(one != "cpu" for one in there) else ("cuda:0",)), *([value] if value else [])))
    reason = "not on this machine" if devices is not None else "not known yet"
    return [Choice("", DEFAULT), *(Choice(one, one) for one in there), *(Choice(one, one, reason) for one in absent if one not in there)]
