"""A run as a link: `?run=…` holds what differs from its preset, `?preset=…` is the preset as it is; pure.

What comes out of a link is read like what is typed: nothing in it is trusted, and what is wrong is one sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from playground.errors import InputError
from playground.settings import Settings
from playground.spec.explain import explain
from playground.spec.presets import Preset
from playground.ui.controls.form import ON_PAGE, Form, FormError, form_of, read_form

VERSION = 1
MAX_CHARACTERS = 6000
"""Of a link's query. A server reads 16 KB of request head, and a browser sends the address twice: as request and as referrer."""
SAFE = "-._~:,/@"
"""Left as they are, besides letters and digits; what may end a link in running text is not among them."""


class LinkError(InputError):
    """A link that cannot be written or read, in one sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__("link", sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Linked:
    """What a link asks for."""

    preset: str
    form: Form | None
    """None: the preset as it is."""


class _Head(BaseModel):
    """What `?run=` may hold besides the settings; a field that is left out is the preset's."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    v: int
    preset: str
    lanes: Annotated[list[Annotated[str, Field(max_length=400)]], Field(min_length=1)] | None = None
    baseline: Annotated[int, Field(ge=0)] | None = None
    model: str | None = None


def _payload_model() -> type[_Head]:
    fields: dict[str, Any] = {setting.name: (setting.typed_type | None, None) for setting in ON_PAGE}
    return create_model("_Payload", __base__=_Head, **fields)


_PAYLOAD = _payload_model()


def write_link(form: Form, preset: Preset, model: str, settings: Settings) -> str:
    """The query of a good form. `model` is what the preset shows here. Raises LinkError when it is too long."""
    if form == form_of(preset, model, settings.max_lanes):
        return f"preset={quote(preset.name, safe=SAFE)}"
    base, given = _plain(form_of(preset, preset.model, settings.max_lanes)), _plain(form)
    payload = {"v": VERSION, "preset": preset.name} | {name: value for name, value in given.items() if value != base[name]}
    link = "run=" + quote(json.dumps(payload, ensure_ascii=False, separators=(",", ":")), safe=SAFE, errors="replace")
    if len(link) > MAX_CHARACTERS:
        raise LinkError(f"This run does not fit in a link ({len(link):,} characters, at most {MAX_CHARACTERS:,}); shorten the prompt")
    return link


def read_link(query: str, presets: Mapping[str, Preset], settings: Settings) -> Linked | None:
    """What an address's query asks for; None when that is nothing. Raises LinkError."""
    try:
        given = dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True, max_num_fields=50))
    except ValueError:
        raise LinkError("This link has too many parts; the page shows its defaults") from None
    if "run" in given:
        return _run(given["run"], presets, settings)
    if "preset" in given:
        return Linked(_preset(given["preset"], presets).name, None)
    return None


def _run(text: str, presets: Mapping[str, Preset], settings: Settings) -> Linked:
    payload = _payload(text)
    preset = _preset(payload.preset, presets)
    base = form_of(preset, preset.model, settings.max_lanes)
    settings_given = payload.model_dump(exclude_none=True, exclude=set(_Head.model_fields))
    form = Form(
        model=base.model if payload.model is None else payload.model,
        lanes=base.lanes if payload.lanes is None else tuple(payload.lanes),
        settings={**base.settings, **settings_given},
        baseline=payload.baseline or 0,
    )
    if form.model not in settings.models:
        raise LinkError(f"This link does not fit this page: model {form.model!r} is not known (allowed: {', '.join(settings.models)})")
    try:
        read_form(form, settings)
    except FormError as error:
        raise LinkError(f"This link does not fit this page: {error.sentence}") from None
    return Linked(preset.name, form)


def _payload(text: str) -> _Head:
    if len(text) > MAX_CHARACTERS:
        raise LinkError(f"This link is too long ({len(text):,} characters, at most {MAX_CHARACTERS:,}); the page shows its defaults")
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # half a character, written as an escape, is JSON and yet no text
    except (ValueError, RecursionError):
        raise LinkError("This link is damaged: what follows run= is not JSON; the page shows its defaults") from None
    if not isinstance(value, dict):
        raise LinkError("This link is damaged: what follows run= is not a run; the page shows its defaults")
    if value.get("v") != VERSION:
        version = json.dumps(value.get("v"))[:20]
        raise LinkError(f"This link is of version {version}, and this page reads version {VERSION}; the page shows its defaults")
    try:
        return _PAYLOAD.model_validate(value)
    except ValidationError as error:
        raise LinkError(f"This link is damaged: {explain(error)}; the page shows its defaults") from None


def _preset(name: str, presets: Mapping[str, Preset]) -> Preset:
    if name not in presets:
        raise LinkError(f"This link names the preset {name[:80]!r}, which is not here (allowed: {', '.join(presets)})")
    return presets[name]


def _plain(form: Form) -> dict[str, Any]:
    shown = {setting.name: form.settings[setting.name] for setting in ON_PAGE}
    whole = {name: int(value) for name, value in shown.items() if isinstance(value, float) and value == int(value)}
    return {"lanes": list(form.lanes), "baseline": form.baseline, "model": form.model} | shown | whole
