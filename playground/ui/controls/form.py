"""What was typed on the page → a run request; pure. What is wrong comes back as one sentence and the field it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from playground.errors import InputError
from playground.formatting import UNKNOWN
from playground.settings import Settings
from playground.spec.explain import explain
from playground.spec.lane import Lane
from playground.spec.measure import Measure, Until
from playground.spec.published import Published
from playground.spec.request import RunRequest

PROMPT_BREAK = "---"
"""On a line of its own, between two prompts of a batch."""
FIXED, FREE = "fixed", "free"


class FormError(InputError):
    """`field` is the element on the page that is wrong, `sentence` what to say beside it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(field, sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Form:
    """The fields as the page holds them; numbers may be missing or fractional."""

    model: str
    prompt: str
    system: str
    lanes: tuple[str, ...]
    schedule: str
    length: str
    max_new_tokens: float | None
    warmup: float | None
    repeats: float | None
    seed: float | None
    threads: float | None
    chat: bool = True
    baseline: int = 0
    agreement: bool = False
    quantum_ms: float | None = 100
    until_percent: float | None = 0
    """How narrow the interval is to be; 0: the repeats asked for are all."""
    limit_s: float | None = 120


def read_form(form: Form, settings: Settings, published: Published | None = None) -> RunRequest:
    """The run that was asked for. `published`: the preset's figures of others. Raises FormError."""
    lanes = tuple(_lane(number, text) for number, text in enumerate(form.lanes, start=1))
    numbers = {name: _whole(name, getattr(form, name)) for name in ("max_new_tokens", "warmup", "repeats", "seed")}
    how = {"schedule": form.schedule, "fixed_length": form.length == FIXED, "agreement": form.agreement}
    measure = _measure(**how, threads=_threads(form.threads), quantum_s=_number("quantum_ms", form.quantum_ms) / 1e3, **numbers)
    measure = measure.model_copy(update={"until": _until(form)})
    fields = {"lanes": lanes, "prompts": split_prompts(form.prompt), "system": form.system.strip() or None, "chat": form.chat}
    try:
        names = {"model": form.model, "models": settings.models, "adapters": settings.adapters}
        request = RunRequest.build(**fields, **names, measure=measure, baseline=form.baseline, published=published)
        return checked(request, settings)
    except FormError:
        raise
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


def split_prompts(text: str) -> tuple[str, ...]:
    """The prompts of a batch, from one text."""
    prompts: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip() == PROMPT_BREAK:
            prompts.append([])
        else:
            prompts[-1].append(line)
    return tuple("\n".join(lines).strip() for lines in prompts)


def join_prompts(prompts: tuple[str, ...]) -> str:
    return f"\n{PROMPT_BREAK}\n".join(prompts)


def measure_line(form: Form) -> str:
    """How the form measures, in one line; what is not a number yet is "–"."""

    def number(value: float | None) -> str:
        return UNKNOWN if value is None else f"{value:g}" if value != int(value) else str(int(value))

    parts = [
        form.schedule,
        f"{number(form.warmup)} warm-up{'' if form.warmup == 1 else 's'}",
        f"{number(form.repeats)} repeat{'' if form.repeats == 1 else 's'}",
        f"seed {number(form.seed)}",
        *([f"turns of {number(form.quantum_ms)} ms"] if form.schedule == "interleaved" and form.quantum_ms != 100 else []),
        *([f"until the interval is within {number(form.until_percent)} %"] if form.until_percent else []),
        "fixed length" if form.length == FIXED else "free length",
        f"{number(form.threads)} thread{'' if form.threads == 1 else 's'}" if form.threads else "all threads",
        *(["system prompt"] if form.system.strip() else []),
        *(["outputs compared"] if form.agreement else []),
    ]
    return " · ".join(parts)


def sentence_of(error: InputError) -> str:
    """The error for a reader who sees where it is: without the names of our own fields."""
    sentence = str(error).removeprefix("run: ")
    return sentence[:1].upper() + sentence[1:]


def _lane(number: int, text: str) -> Lane:
    field = f"lane-{number}"
    if not text.strip():
        raise FormError(field, f"Lane {number}: is empty; write one like bf16 or nf4, or remove it")
    try:
        return Lane.parse(text)
    except InputError as error:
        raise FormError(field, f"Lane {number}: {str(error).removeprefix(error.field + ': ')}") from None


def _measure(**fields: Any) -> Measure:
    try:
        return Measure.model_validate(fields)
    except ValidationError as error:
        name = str(error.errors(include_url=False)[0]["loc"][0])
        if name == "quantum_s":
            raise FormError("quantum-ms", "Turn: must be between 0 and 10,000 ms") from None
        reason = explain(error).removeprefix(f"{name}: ")
        raise FormError(name.replace("_", "-"), f"{TITLES.get(name, name)}: {reason}") from None


TITLES = {
    "max_new_tokens": "New tokens",
    "warmup": "Warm-ups",
    "repeats": "Repeats",
    "seed": "Seed",
    "threads": "Threads",
    "schedule": "Schedule",
    "quantum_ms": "Turn",
    "until_percent": "Until sure",
    "limit_s": "At most",
}


def _whole(name: str, value: float | None) -> int:
    if value is None or value != int(value):
        raise FormError(name.replace("_", "-"), f"{TITLES[name]}: must be a whole number, not {'nothing' if value is None else value}")
    return int(value)


def _number(name: str, value: float | None) -> float:
    if value is None:
        raise FormError(name.replace("_", "-"), f"{TITLES[name]}: must be a number, not nothing")
    return value


def _until(form: Form) -> Until | None:
    percent, limit_s = _number("until_percent", form.until_percent), _number("limit_s", form.limit_s)
    if not percent:
        return None
    try:
        return Until(width=percent / 100, limit_s=limit_s)
    except ValidationError as error:
        wrong = {"width": ("until_percent", "above 0 and at most 200 %"), "limit_s": ("limit_s", "above 0 and at most 86,400 s")}
        name, allowed = wrong[str(error.errors(include_url=False)[0]["loc"][0])]
        given = f"{getattr(form, name):g}"
        raise FormError(name.replace("_", "-"), f"{TITLES[name]}: {given} is not allowed; allowed: {allowed}") from None


def _threads(value: float | None) -> int | None:
    """Nothing, or 0: the machine's cores."""
    return _whole("threads", value) if value else None


def _element(sentence: str, lanes: tuple[Lane, ...]) -> str:
    for number, lane in enumerate(lanes, start=1):
        if repr(str(lane)) in sentence:
            return f"lane-{number}"
    lowered = sentence.lower()
    return next(
        (f for word, f in (("prompt", "prompt"), ("max_new_tokens", "max-new-tokens"), ("model", "model")) if word in lowered), "run"
    )


def _numbered(sentence: str, lanes: tuple[Lane, ...]) -> str:
    """`Lane 'nf4+x': …` → `Lane 2: …`, as the page numbers them."""
    for number, lane in enumerate(lanes, start=1):
        if (prefix := f"Lane {str(lane)!r}") and sentence.startswith(prefix):
            return f"Lane {number}{sentence.removeprefix(prefix)}"
    return sentence
