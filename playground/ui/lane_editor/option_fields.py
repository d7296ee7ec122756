"""The fields of a lane's options, read from the classes that have them: a new scheme, option or decoding appears by itself.

What an option may be, what it is when nobody says and what it does are its own type, default and docstring.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from playground.spec.decoding import DECODINGS, Decoding
from playground.spec.runtime import Runtime
from playground.spec.values import Optioned, choices, option_text
from playground.spec.weights import SCHEMES, schemes_with

Fields = Mapping[str, str]
"""One lane's fields by name, as they are written in its text; "" is what the text leaves out."""
RUNS_OWN = {"seed": "the run’s"}
"""Options that are the run's where a lane says nothing."""
WORDS = {"true": "yes", "false": "no"}


class Choice(NamedTuple):
    value: str
    label: str
    reason: str = ""
    """Why it cannot be chosen; "" when it can."""


@dataclass(frozen=True, slots=True)
class OptionField:
    """One option as it is edited."""

    name: str
    label: str
    choices: Sequence[Choice] = ()
    """Empty: it is typed."""
    hint: str = ""
    """What an empty field means."""
    limits: str = ""
    """Of a number: `0 to 1,000`."""
    help: str = ""


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """The options of one part of a lane."""

    title: str
    fields: Sequence[OptionField]


def option_groups(fields: Fields, devices: Sequence[Choice]) -> list[OptionGroup]:
    """The options a lane of these fields has, by what they belong to. `devices`: what can be chosen of them here."""
    precision, decoding = fields["precision"], fields["decoding"]
    groups = [
        OptionGroup(f"Weights, {precision}", _fields(SCHEMES.get(precision))),
        OptionGroup("Runtime", _fields(Runtime, {"device": devices})),
        OptionGroup(f"Decoding, {decoding}", _fields(DECODINGS.get(decoding))),
    ]
    return [group for group in groups if group.fields]


def names_of(owner: type[Optioned | Decoding] | None) -> tuple[str, ...]:
    """The names of a class's options or parameters, in the order in which lane text writes them."""
    if owner is None:
        return ()
    return owner.parameters() if issubclass(owner, Decoding) else tuple(owner.options())


def option_names() -> list[str]:
    """Of all schemes and of the runtime."""
    return _unique([*SCHEMES.values(), Runtime])


def parameter_names() -> list[str]:
    """Of all decodings."""
    return _unique(DECODINGS.values())


def absent(fields: Fields) -> list[str]:
    """Why a lane of these fields does not have the other options there are: a sentence for those of the same schemes or decodings."""
    precision, decoding = fields["precision"], fields["decoding"]
    options: dict[tuple[str, ...], list[str]] = {}
    for name in option_names():
        if (owners := schemes_with(name)) and precision not in owners:
            options.setdefault(owners, []).append(name)
    parameters: dict[tuple[str, ...], list[str]] = {}
    for name in parameter_names():
        if decoding not in (owners := tuple(one for one, owner in DECODINGS.items() if name in owner.parameters())):
            parameters.setdefault(owners, []).append(name)
    return [
        *(_sentence(names, "option", owners, precision) for owners, names in options.items()),
        *(_sentence(names, "parameter", owners, decoding) for owners, names in parameters.items()),
    ]


def set_options(fields: Fields) -> str:
    """What a lane says about its options, in short: `double quant yes, p 0.9`; "" when all have their defaults."""
    owner = DECODINGS.get(fields["decoding"])
    defaults = {name: option_text(info.default) for name, info in owner.model_fields.items()} if owner else {}
    main = owner.main if owner else ()
    own = [name for name in (*names_of(SCHEMES.get(fields["precision"])), *Runtime.options()) if fields[name]]
    chosen = [name for name in names_of(owner) if fields[name] and (name in main or fields[name] != defaults[name])]
    return ", ".join(f"{_label(name)} {WORDS.get(fields[name], fields[name])}" for name in (*own, *chosen))


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _unique(owners: Iterable[type[Optioned | Decoding]]) -> list[str]:
    return list(dict.fromkeys(name for owner in owners for name in names_of(owner)))


def _sentence(names: Sequence[str], what: str, owners: Sequence[str], own: str) -> str:
    are = f"is {'an' if what == 'option' else 'a'} {what}" if len(names) == 1 else f"are {what}s"
    return f"{listed(names)} {are} of {listed(owners)}, not of {own}"


def _fields(owner: type[Optioned | Decoding] | None, known: Mapping[str, Sequence[Choice]] | None = None) -> list[OptionField]:
    """`known`: choices that depend on the machine, by option."""
    return [_field(owner, name, (known or {}).get(name)) for name in names_of(owner)] if owner else []


def _field(owner: type[Optioned | Decoding], name: str, known: Sequence[Choice] | None) -> OptionField:
    described = _described(owner)[name]
    default = _default(owner, name)
    values = choices(owner, name)
    first = Choice("", f"default: {WORDS.get(default, default)}" if default else "default")
    offered = known or ([first, *(Choice(one, WORDS.get(one, one)) for one in values)] if values else ())
    hint = RUNS_OWN.get(name, default)
    return OptionField(name, _label(name), offered, hint, _limits(described), described.get("description", ""))


def _default(owner: type[Optioned | Decoding], name: str) -> str:
    default = owner.options()[name].default if issubclass(owner, Optioned) else owner.model_fields[name].default
    return "" if default is None else option_text(default)


@cache
def _described(owner: type[Optioned | Decoding]) -> dict[str, dict[str, Any]]:
    """Each field as JSON Schema has it; of one that may be left out, what it is when it is not."""
    properties: dict[str, dict[str, Any]] = owner.model_json_schema()["properties"]
    return {name: next(iter(one.get("anyOf", ())), {}) | one for name, one in properties.items()}


def _limits(described: Mapping[str, Any]) -> str:
    above, low, high = described.get("exclusiveMinimum"), described.get("minimum"), described.get("maximum")
    least = f"above {above:g}" if above is not None else "" if low is None else f"{low:,g}" if low < 1e6 else f"{low:,}"
    most = "" if high is None else f"{high:,g}" if high < 1e6 else f"{high:,}"
    return ", ".join(filter(None, (least, f"at most {most}"))) if above is not None and most else " to ".join(filter(None, (least, most)))


def _label(name: str) -> str:
    return name.replace("_", " ")
