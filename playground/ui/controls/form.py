"""What was typed on the page → a run request; pure. What is wrong comes back as one sentence and the field it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from playground.errors import InputError
from playground.settings import Settings
from playground.spec.knobs import Setting, Stored, Typed, nested, split_texts
from playground.spec.lane import Lane
from playground.spec.measure import Until
from playground.spec.presets import Preset
from playground.spec.published import Published
from playground.spec.request import SETTINGS, RunRequest

ON_PAGE = tuple(setting for place in ("top", "settings", "more") for setting in SETTINGS if setting.knob.place == place)
"""The settings that have a control, in the order in which they stand."""


class FormError(InputError):
    """`field` is the element on the page that is wrong, `sentence` what to say beside it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(field, sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Form:
    """The fields as the page holds them; numbers may be missing or fractional."""

    model: str
    lanes: tuple[str, ...]
    settings: Mapping[str, Typed]
    """Of every setting by its name; those without a control are the preset's."""
    baseline: int = 0


def form_of(preset: Preset, model: str, most: int) -> Form:
    """The form as a preset fills it, with at most so many lanes."""
    return Form(model, preset.lanes[:most], {setting.name: _typed(setting, preset) for setting in SETTINGS})


def _typed(setting: Setting, preset: Preset) -> Typed:
    group, *_, name = setting.path
    left_out = name not in getattr(preset, group).model_fields_set
    return setting.knob.page_default if left_out and setting.knob.page_default else setting.typed(setting.of(preset))


def read_form(form: Form, settings: Settings, published: Published | None = None) -> RunRequest:
    """The run that the form describes. `published`: the preset's figures of others. Raises FormError."""
    lanes = tuple(_lane(number, text) for number, text in enumerate(form.lanes, start=1))
    fields = nested((setting, _stored(setting, form.settings[setting.name])) for setting in SETTINGS)
    try:
        names = {"model": form.model, "models": settings.models, "adapters": settings.adapters}
        request = RunRequest.build(**fields, **names, lanes=lanes, baseline=form.baseline, published=published)
        return checked(request, settings)
    except InputError as error:
        sentence = sentence_of(error)
        raise FormError(_element(sentence, lanes), _numbered(sentence, lanes)) from None


def checked(request: RunRequest, settings: Settings) -> RunRequest:
    """The request, if the operator's limits allow it; one that goes on until it is sure, as far as they allow it. Raises InputError."""
    if len(request.lanes) > settings.max_lanes:
        raise InputError("lanes", f"{len(request.lanes)} lanes are more than the {settings.max_lanes} allowed here")
    characters = sum(map(len, request.workload.prompts)) + len(request.workload.system or "")
    if characters > settings.max_prompt_chars:
        raise InputError("prompts", f"{characters:,} characters are more than the {settings.max_prompt_chars:,} allowed here")
    measure = request.measure
    tokens = sum(lane.batch for lane in request.lanes) * measure.max_new_tokens * measure.passes()
    if tokens > settings.max_rows_times_tokens:
        most = f"{settings.max_rows_times_tokens:,} allowed here"
        raise InputError("max_new_tokens", f"rows × tokens × passes come to {tokens:,}, more than the {most}; take fewer of any")
    return request if measure.until is None else _no_longer_than(request, measure.until, settings)


def _no_longer_than(request: RunRequest, until: Until, settings: Settings) -> RunRequest:
    """With at most as many repeats as there are rows × tokens allowed for."""
    measure = request.measure
    passes = settings.max_rows_times_tokens // (sum(lane.batch for lane in request.lanes) * measure.max_new_tokens)
    repeats = (passes - measure.warmup) // (2 if measure.schedule == "contended" else 1)
    shorter = until.model_copy(update={"most": min(until.most, repeats)})
    return request.model_copy(update={"measure": measure.model_copy(update={"until": shorter})})


def measure_line(form: Form) -> str:
    """How the form measures, in one line; what is not a number yet is "–"."""
    return " · ".join(phrase for setting in ON_PAGE if (phrase := setting.phrase(form.settings)))


def prompts_in(form: Form) -> int:
    """How many prompts the form holds."""
    return len(split_texts(str(form.settings["prompt"] or "")))


def sentence_of(error: InputError) -> str:
    """The error for a reader who sees where it is: without the names of our own fields."""
    sentence = str(error).removeprefix("run: ")
    return sentence[:1].upper() + sentence[1:]


def _stored(setting: Setting, typed: Typed) -> Stored:
    try:
        return setting.read(typed, setting.knob.title)
    except InputError as error:
        raise FormError(setting.element, str(error)) from None


def _lane(number: int, text: str) -> Lane:
    field = f"lane-{number}"
    if not text.strip():
        raise FormError(field, f"Lane {number}: is empty; write one like bf16 or nf4, or remove it")
    try:
        return Lane.parse(text)
    except InputError as error:
        raise FormError(field, f"Lane {number}: {str(error).removeprefix(error.field + ': ')}") from None


def _element(sentence: str, lanes: tuple[Lane, ...]) -> str:
    """The id of what a sentence about the whole run is about."""
    for number, lane in enumerate(lanes, start=1):
        if repr(str(lane)) in sentence:
            return f"lane-{number}"
    lowered = sentence.lower()
    elements = {setting.path[-1]: setting.element for setting in ON_PAGE} | {"model": "model"}
    return next((element for name, element in elements.items() if name in lowered), "run")


def _numbered(sentence: str, lanes: tuple[Lane, ...]) -> str:
    """`Lane 'nf4+x': …` → `Lane 2: …`, as the page numbers them."""
    for number, lane in enumerate(lanes, start=1):
        if (prefix := f"Lane {str(lane)!r}") and sentence.startswith(prefix):
            return f"Lane {number}{sentence.removeprefix(prefix)}"
    return sentence
