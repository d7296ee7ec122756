"""The settings of a run as people meet them: the fields of `Measure` and `Workload` that carry a `Knob`.

From `settings_of` come the page's controls and what is read from them, the line of settings, links, the parameters of the API and the
options of `run` and `code`. A new setting is one field with a `Knob`; nothing else names it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from playground.errors import InputError
from playground.formatting import UNKNOWN

Kind = Literal["whole", "number", "switch", "choice", "text", "texts"]
Stored = str | float | bool | tuple[str, ...] | None
"""A setting as a request holds it."""
Typed = str | float | bool | None
"""A setting as a control of the page holds it; of a number, None is an empty field."""

_DEPTH = 2
"""Of a setting's path, where it does not belong to a group of its own: `("measure", "seed")`."""
TEXT_BREAK = "---"
"""On a line of its own, between two prompts that are typed as one text."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the line of settings says of a setting."""

    text: str
    """With `{}` for the value and `{s}` for the plural."""
    always: bool = True
    """Also while the setting has its default."""
    zero: str = ""
    """Said instead when the value is nothing."""
    only: tuple[str, str] | None = None
    """The name and typed value of another setting without which this one does nothing."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a setting that has a few."""

    title: str
    typed: str
    stored: Stored


@dataclass(frozen=True, slots=True)
class Knob:
    """How a setting is called and typed. What it may be, and what it is when nobody says, is the field's own."""

    title: str
    """Where something is said of it."""
    help: str
    """On the command line."""
    label: str = ""
    """Of its control, where that is more than the title."""
    info: str = ""
    """Below its control."""
    placeholder: str = ""
    name: str = ""
    """Of what is typed, where its unit is not the one that is stored: `quantum_ms` of `quantum_s`."""
    option: str = ""
    """Of the command line, where it is not `--` and the name; a switch with one name gives what is not the default."""
    default: str = ""
    """In the command line's help, where the default itself says little."""
    unit: str = ""
    """Of what is typed."""
    scale: float = 1.0
    """What is typed is this many times what is stored."""
    zero: bool = False
    """Whether on the page 0 stands for nothing, None."""
    choices: tuple[Choice, ...] = ()
    """On the page, in this order."""
    page_default: str = ""
    """What is typed on the page for a preset that does not say, where that is not the default."""
    place: Literal["top", "settings", "more", "nowhere"] = "settings"
    """On the page: beside the preset, or in one of the two rows that "Settings" opens."""
    in_script: bool = False
    """Whether it changes the script of one lane, so that `code` takes it too."""
    line: Line | None = None
    """None: its title and value, while they are not the default."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A field with a knob, found by its path in a request: `("measure", "until", "width")`."""

    path: tuple[str, ...]
    knob: Knob
    kind: Kind
    default: Stored
    limits: Limits
    allowed: tuple[str, ...] = ()
    """Of a choice."""

    @property
    def name(self) -> str:
        """Of what is typed: in the form and in links."""
        return self.knob.name or self.path[-1]

    @property
    def element(self) -> str:
        """The id of its control."""
        return self.name.replace("_", "-")

    @property
    def parameter(self) -> str:
        """Of the API, which takes what is stored."""
        return "_".join(self.path[1:])

    @property
    def type(self) -> Any:
        """Of what the command line and the API take."""
        types: dict[Kind, Any] = {"whole": int, "number": float, "switch": bool, "choice": str, "text": str, "texts": list[str]}
        return types[self.kind]

    @property
    def typed_type(self) -> Any:
        """Of what its control holds."""
        return str if self.choices or self.kind == "texts" else self.type

    @property
    def switches(self) -> bool:
        """Whether the values it belongs to are there only when it is: a run goes on until it is sure when it has a width."""
        return len(self.path) > _DEPTH and self.knob.zero

    @property
    def choices(self) -> tuple[Choice, ...]:
        return self.knob.choices or tuple(Choice(name.capitalize(), name, name) for name in self.allowed)

    @property
    def label(self) -> str:
        return self.knob.label or self.knob.title

    @property
    def typed_default(self) -> Typed:
        return self.typed(self.default)

    def of(self, owner: BaseModel) -> Stored:
        """Its value in a request or a preset; where what it belongs to is off, the default."""
        group: object = owner
        for name in self.path[:-1]:
            group = getattr(group, name)
        stored: Stored = self.default if group is None else getattr(group, self.path[-1])
        return stored

    def typed(self, stored: Stored) -> Typed:
        """What stands in the control for a stored value."""
        for choice in self.choices:
            if choice.stored == stored:
                return choice.typed
        match stored:
            case None:
                return 0 if self.knob.zero else ""
            case tuple():
                return join_texts(stored)
            case bool() | str():
                return stored
            case _:
                # Without what changing the unit has added at the 16th digit.
                return stored if self.knob.scale == 1 else round(stored * self.knob.scale, 9)

    def read(self, typed: Typed, called: str) -> Stored:
        """What a control's value means. Raises InputError about the setting under the name it is `called` by."""
        match self.kind:
            case "switch" | "choice" if self.choices:
                found = next((choice for choice in self.choices if choice.typed == typed), None)
                if found is None:
                    raise InputError(called, f"{typed!r} is not allowed; allowed: {', '.join(choice.typed for choice in self.choices)}")
                return found.stored
            case "switch":
                return bool(typed)
            case "texts":
                return split_texts(str(typed or ""))
            case "text":
                return str(typed or "").strip() or None
            case _:
                return None if self.knob.zero and not typed else self.checked(typed, called)

    def checked(self, value: Stored, called: str) -> Stored:
        """What is stored for a number in the unit that is typed, or for another value as it is. Raises InputError."""
        if self.kind == "choice" and value not in self.allowed:
            raise InputError(called, f"{value!r} is not allowed; allowed: {', '.join(self.allowed)}")
        if self.kind not in ("whole", "number"):
            return value
        number = self._number(value, called) / self.knob.scale
        if not self.limits.hold(number):
            raise InputError(called, f"{_figure(number * self.knob.scale)} is not allowed; allowed: {self._range()}")
        return int(number) if self.kind == "whole" else number

    def phrase(self, form: Mapping[str, Typed]) -> str:
        """What the line of settings says of it; empty when there is nothing to say. A number that is missing is "–"."""
        value = form[self.name]
        value = value.strip() if isinstance(value, str) else value
        line = self.knob.line or Line(f"{self.knob.title} {{}}{self.knob.unit and ' '}{self.knob.unit}", False)
        if (not line.always and value == self.typed_default) or (line.only and form[line.only[0]] != line.only[1]):
            return ""
        if self.knob.zero and not value:
            return line.zero
        return line.text.format(UNKNOWN if value is None else _shown(value), s="" if value == 1 else "s")

    def _number(self, value: Stored, called: str) -> float:
        what = "a whole number" if self.kind == "whole" else "a number"
        if not isinstance(value, int | float) or not math.isfinite(value) or (self.kind == "whole" and value != int(value)):
            raise InputError(called, f"must be {what}, not {'nothing' if value is None else value}")
        return value

    def _range(self) -> str:
        return self.limits.words(self.knob.scale) + (f" {self.knob.unit}" if self.knob.unit else "")


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which numbers a field's value lies, in the unit that is stored."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    """Whether `low` itself is not allowed."""

    @classmethod
    def of(cls, metadata: Iterable[object]) -> Limits:
        low, high, open_low = -math.inf, math.inf, False
        for one in metadata:
            match one:
                case annotated_types.Ge(ge=int() | float() as bound):
                    low = bound
                case annotated_types.Gt(gt=int() | float() as bound):
                    low, open_low = bound, True
                case annotated_types.Le(le=int() | float() as bound):
                    high = bound
                case _:
                    pass
        return cls(low, high, open_low)

    def hold(self, value: float) -> bool:
        return (self.low < value if self.open_low else self.low <= value) and value <= self.high

    def words(self, scale: float) -> str:
        low, high = _figure(self.low * scale), _figure(self.high * scale)
        return f"above {low} and at most {high}" if self.open_low else f"{low} to {high}"


def settings_of(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """The settings among a model's fields and those of the models in them, in their order."""
    for name, info in model.model_fields.items():
        for kind, metadata in _members(info.annotation):
            knob = next((one for one in info.metadata if isinstance(one, Knob)), None)
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from settings_of(kind, (*path, name))
            elif knob is not None:
                yield _setting((*path, name), knob, kind, info, (*info.metadata, *metadata))


def nested(values: Iterable[tuple[Setting, Stored]]) -> dict[str, Any]:
    """Stored values as the fields of a request, `{"measure": {"seed": 7}}`; a group that is switched off is left out."""
    values = list(values)
    off = {setting.path[:-1] for setting, value in values if value is None and setting.switches}
    found: dict[str, Any] = {}
    for setting, value in values:
        if setting.path[:-1] not in off:
            group = found
            for name in setting.path[:-1]:
                group = group.setdefault(name, {})
            group[setting.path[-1]] = value
    return found


def split_texts(text: str) -> tuple[str, ...]:
    """Several texts, from one with breaks."""
    texts: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip() == TEXT_BREAK:
            texts.append([])
        else:
            texts[-1].append(line)
    return tuple("\n".join(lines).strip() for lines in texts)


def join_texts(texts: tuple[str, ...]) -> str:
    return f"\n{TEXT_BREAK}\n".join(texts)


def _members(annotation: object) -> Iterator[tuple[object, tuple[object, ...]]]:
    """A type without None, with what is annotated of it."""
    if get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            if one is not NoneType:
                yield from _members(one)
    elif get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        yield inner, tuple(part for note in notes for part in (note.metadata if isinstance(note, FieldInfo) else (note,)))
    else:
        yield annotation, ()


def _setting(path: tuple[str, ...], knob: Knob, type_: object, info: FieldInfo, metadata: Iterable[object]) -> Setting:
    allowed = tuple(map(str, get_args(type_))) if get_origin(type_) is Literal else ()
    kinds: dict[object, Kind] = {bool: "switch", int: "whole", float: "number", str: "text"}
    kind: Kind = "choice" if allowed else "texts" if get_origin(type_) is tuple else kinds[type_]
    default = None if len(path) > _DEPTH and knob.zero else info.default
    return Setting(path, knob, kind, default, Limits.of(metadata), allowed)


def _figure(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _shown(value: str | float) -> str:
    return str(int(value)) if isinstance(value, int | float) and value == int(value) else value if isinstance(value, str) else f"{value:g}"
