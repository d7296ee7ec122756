"""What to run: variants, decodings, lanes and the run request, as validated values.

A lane is written as text, the same everywhere (command line, page, presets, labels):

    lane     = [model ":"] precision ["[" options "]"] ["+" adapters] ["/" decoding ["(" options ")"]] ["@" batch]
    options  = key "=" value {"," key "=" value}
    adapters = adapter [".merged"]  |  adapter "|" adapter {"|" adapter}     (several: one a row of the batch, in turn; "none" is one too)

`Lane.parse(text)` reads it and `str(lane)` writes the canonical form; `Lane.parse(str(lane)) == lane`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

Precision = Literal["fp32", "bf16", "fp16", "int8", "nf4", "fp4"]
Schedule = Literal["exclusive", "interleaved", "contended"]
Dtype = Literal["fp32", "bf16", "fp16"]
Attention = Literal["sdpa", "eager"]

PRECISIONS: tuple[str, ...] = get_args(Precision)
SCHEDULES: tuple[str, ...] = get_args(Schedule)
FOUR_BIT = ("nf4", "fp4")
MAX_BATCH = 32
MAX_REPEATS = 100
MAX_NEW_TOKENS = 4096
MAX_RANK = 1024
NO_ADAPTER = "none"
"""Among a batch's adapters: the rows without one."""
EMBEDDED_MODEL = "smollm2-135m"
EMBEDDED_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"

_NAME = re.compile(r"[a-z0-9._-]+")
_RANDOM = re.compile(r"random-r([1-9]\d{0,3})")
_DEVICE = re.compile(r"cpu|cuda:\d{1,2}")
_LANE = re.compile(
    r"(?:(?P<model>[^:/@+\[\]()]*):)?"
    r"(?P<precision>[^:/@+\[\]()]*)"
    r"(?:\[(?P<options>[^\[\]]*)\])?"
    r"(?:\+(?P<adapter>[^/@+\[\]()]*))?"
    r"(?:/(?P<decoding>[^/@()\[\]+]*)(?:\((?P<parameters>[^()]*)\))?)?"
    r"(?:@(?P<batch>[^@]*))?"
)


class SpecError(ValueError):
    """Bad input, in one sentence for the person who typed it: what, where, what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


def check_name(value: str) -> str:
    """A model's or adapter's name: `[a-z0-9._-]+`, not ending in `.merged`."""
    if not _NAME.fullmatch(value) or value.endswith(".merged"):
        raise ValueError(f"{value!r} is not a name (allowed: a-z 0-9 . _ -, not ending in .merged)")
    return value


def check_adapter_name(value: str) -> str:
    """The name of an adapter that somebody gives: none that already means something."""
    if value == NO_ADAPTER or _RANDOM.fullmatch(value):
        raise ValueError(f"{value!r} is not free for an adapter of one's own: none and random-r16, random-r64, … have a meaning")
    return check_name(value)


def random_rank(adapter: str) -> int | None:
    """The rank of an untrained adapter by its name, `random-r16`; None for any other name.

    Such an adapter is there on every model, without a file: PEFT's own start (A random, B zero) on every linear layer, so it costs
    what an adapter of that rank costs and changes no output.
    """
    found = _RANDOM.fullmatch(adapter)
    rank = int(found[1]) if found else None
    return rank if rank is not None and rank <= MAX_RANK else None


def _check_adapters(value: str) -> str:
    names = value.split("|")
    for name in names:
        check_name(name)
    if set(names) == {NO_ADAPTER}:
        raise ValueError(f"{value!r} is no adapter; leave it out, or name one too, as in {NO_ADAPTER}|faq")
    return value


Name = Annotated[str, BeforeValidator(check_name)]
AdapterName = Annotated[str, BeforeValidator(check_adapter_name)]


class Variant(_Value):
    """A model and how it is held. `None` in an option means its default."""

    model: Name | None = None
    precision: Precision
    threshold: Annotated[float, Field(ge=0, le=1000)] | None = None
    double_quant: bool | None = None
    compute: Dtype | None = None
    attention: Attention | None = None
    device: str | None = None
    adapter: Annotated[str, BeforeValidator(_check_adapters)] | None = None
    """A name; or several, parted by "|": the rows of a batch take them in turn."""
    merged: bool = False

    OPTIONS: ClassVar[tuple[str, ...]] = ("threshold", "double_quant", "compute", "attention", "device")

    @field_validator("device")
    @classmethod
    def _device(cls, value: str | None) -> str | None:
        if value is not None and not _DEVICE.fullmatch(value):
            raise ValueError(f"{value!r} is not a device (allowed: cpu, cuda:0, cuda:1, …)")
        return value

    @model_validator(mode="after")
    def _options_fit(self) -> Variant:
        if self.threshold is not None and self.precision != "int8":
            raise ValueError(f"threshold is an option of int8, not of {self.precision}")
        for option in ("double_quant", "compute"):
            if getattr(self, option) is not None and self.precision not in FOUR_BIT:
                raise ValueError(f"{option} is an option of nf4 and fp4, not of {self.precision}")
        if self.merged and self.adapter is None:
            raise ValueError("only an adapter can be merged, and there is none")
        if self.merged and len(self.adapters) > 1:
            raise ValueError(
                f"one adapter can be merged, not several; allowed: {self.adapters[0]}.merged, or +{self.adapter} without merging"
            )
        return self

    @property
    def adapters(self) -> tuple[str | None, ...]:
        """Of the rows of a batch, in turn; None: without one. Empty when no row has one."""
        return tuple(None if name == NO_ADAPTER else name for name in self.adapter.split("|")) if self.adapter else ()

    @property
    def quantized(self) -> bool:
        return self.precision in ("int8", *FOUR_BIT)

    def __str__(self) -> str:
        options = _join(self, self.OPTIONS)
        adapter = f"+{self.adapter}{'.merged' if self.merged else ''}" if self.adapter else ""
        return f"{self.model + ':' if self.model else ''}{self.precision}{f'[{options}]' if options else ''}{adapter}"


Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Temperature = Annotated[float, Field(gt=0, le=10)]


class _Decoding(_Value):
    # The parameter written even when it has its default, so that a label says what ran.
    MAIN: ClassVar[tuple[str, ...]] = ()
    strategy: str

    def __str__(self) -> str:
        fields = type(self).model_fields
        shown = [name for name in fields if name != "strategy" and (name in self.MAIN or getattr(self, name) != fields[name].default)]
        return f"{self.strategy}{f'({_join(self, shown)})' if shown else ''}"


class Greedy(_Decoding):
    strategy: Literal["greedy"] = "greedy"


class TopK(_Decoding):
    """Sample among the k likeliest tokens."""

    strategy: Literal["top_k"] = "top_k"
    k: Annotated[int, Field(ge=1, le=100_000)] = 50
    temperature: Temperature = 1.0
    seed: Seed | None = None
    MAIN = ("k",)


class TopP(_Decoding):
    """Sample among the likeliest tokens that together hold probability p."""

    strategy: Literal["top_p"] = "top_p"
    p: Annotated[float, Field(gt=0, le=1)] = 0.9
    temperature: Temperature = 1.0
    seed: Seed | None = None
    MAIN = ("p",)


class MinP(_Decoding):
    """Sample among tokens at least p times as likely as the likeliest one."""

    strategy: Literal["min_p"] = "min_p"
    p: Annotated[float, Field(gt=0, le=1)] = 0.05
    temperature: Temperature = 1.0
    seed: Seed | None = None
    MAIN = ("p",)


class Beam(_Decoding):
    strategy: Literal["beam"] = "beam"
    num_beams: Annotated[int, Field(ge=2, le=16)] = 4
    length_penalty: Annotated[float, Field(ge=-5, le=5)] = 1.0
    MAIN = ("num_beams",)


Decoding = Annotated[Greedy | TopK | TopP | MinP | Beam, Field(discriminator="strategy")]
DECODINGS: dict[str, type[_Decoding]] = {"greedy": Greedy, "top_k": TopK, "top_p": TopP, "min_p": MinP, "beam": Beam}


class Lane(_Value):
    """One column on the screen: a variant, a decoding and a batch size."""

    variant: Variant
    decoding: Decoding = Greedy()
    batch: Annotated[int, Field(ge=1, le=MAX_BATCH)] = 1

    @model_validator(mode="after")
    def _an_adapter_a_row(self) -> Lane:
        if len(self.variant.adapters) > self.batch:
            count = len(self.variant.adapters)
            raise ValueError(
                f"{count} adapters do not fit in batch {self.batch}; allowed: at most one a row, as in +{self.variant.adapter}@{count}"
            )
        return self

    @property
    def adapters(self) -> tuple[str | None, ...]:
        """Of each row of the batch; None: without one."""
        named = self.variant.adapters or (None,)
        return tuple(named[row % len(named)] for row in range(self.batch))

    def __str__(self) -> str:
        decoding = "" if self.decoding == Greedy() else f"/{self.decoding}"
        return f"{self.variant}{decoding}{f'@{self.batch}' if self.batch > 1 else ''}"

    @classmethod
    def parse(cls, text: str) -> Lane:
        """Reads lane text. Raises `SpecError` with one sentence if it is not a lane."""
        field = f"lane {text.strip()!r}"
        found = _LANE.fullmatch(re.sub(r"\s+", "", text))
        if not found:
            raise SpecError(field, "not understood; a lane is written like int8, nf4[double_quant=true], bf16+adapter/top_p(p=0.9)@8")
        part = found.groupdict()
        _one_of(field, "precision", part["precision"], PRECISIONS)
        variant = {"precision": part["precision"], **_options(field, part["options"], Variant.OPTIONS, f"{part['precision']}[…]")}
        if part["model"] is not None:
            variant["model"] = part["model"]
        if part["adapter"] is not None:
            variant["merged"] = part["adapter"].endswith(".merged")
            variant["adapter"] = part["adapter"].removesuffix(".merged")
        strategy = part["decoding"] if part["decoding"] is not None else "greedy"
        _one_of(field, "decoding", strategy, tuple(DECODINGS))
        allowed = tuple(name for name in DECODINGS[strategy].model_fields if name != "strategy")
        decoding = {"strategy": strategy, **_options(field, part["parameters"], allowed, f"{strategy}(…)")}
        lane: dict[str, Any] = {"variant": variant, "decoding": decoding}
        if part["batch"] is not None:
            lane["batch"] = part["batch"]
        try:
            return cls.model_validate(lane)
        except ValidationError as error:
            raise SpecError(field, explain(error)) from None


def _lane(value: Any) -> Any:
    return Lane.parse(value) if isinstance(value, str) else value


class Until(_Value):
    """When a run that goes on until it is sure ends."""

    width: Annotated[float, Field(gt=0, le=2)] = 0.05
    """Every lane's 95 % interval of the ratio to the baseline is to be narrower than this share of the ratio: (high − low) ÷ ratio."""
    limit_s: Annotated[float, Field(gt=0, le=86_400)] = 120.0
    """No repeat is added later than this after the run's first one began, sure or not."""
    most: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = MAX_REPEATS
    """Repeats, those asked for at first among them."""


class Measure(_Value):
    """How to run and how to measure."""

    schedule: Schedule = "exclusive"
    """Exclusive: one lane after the other, forward, then backward. Interleaved: turns on the device, by each lane's own clock. Contended:
    all at once, a thread each; every counted repeat is preceded by one of each lane alone, which it is compared with."""
    quantum_s: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Interleaved: a lane keeps its turn for this much of its own time; 0: for one step."""
    max_new_tokens: Annotated[int, Field(ge=1, le=MAX_NEW_TOKENS)] = 64
    """Output tokens a row."""
    fixed_length: bool = True
    """EOS off, every row has exactly max_new_tokens: for comparisons. Off: rows end when the model ends them."""
    warmup: Annotated[int, Field(ge=0, le=20)] = 1
    """Repeats run first and never counted."""
    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = 1
    until: Until | None = None
    """Repeats are added, two at a time, until the figures are sure; None: as many as `repeats` says."""
    seed: Seed = 7
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """CPU threads of one operation; None: the machine's cores."""
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """A repeat is stopped once its lane's own clock has run this long."""
    agreement: bool = False
    """After the repeats, off the clock: each lane's model reads the baseline's answer and says at each place which token it finds
    likeliest; the share of places where that is what the baseline's model finds is its top-1 agreement."""

    def numbers(self, first: int = 0) -> range:
        """The numbers of a lane's repeats from the `first` on, counted over warm-ups and repeats together."""
        return range(first, self.warmup + self.repeats)

    def passes(self, first: int = 0) -> int:
        """How often a lane decodes in the repeats from this number on: twice in a counted one that is contended."""
        numbers = self.numbers(first)
        return len(numbers) + (sum(number >= self.warmup for number in numbers) if self.schedule == "contended" else 0)


class PublishedFigure(_Value):
    """What somebody else has measured of a lane like this one."""

    lane: str
    """Lane text; it stands beside lanes of that label."""
    what: str
    """What they ran, in their words."""
    e2e_s: Annotated[float, Field(gt=0)]

    @field_validator("lane")
    @classmethod
    def _canonical(cls, lane: str) -> str:
        return str(Lane.parse(lane))


class Published(_Value):
    """Published figures to stand beside the measured ones."""

    source: str
    """Who measured, on what."""
    figures: Annotated[tuple[PublishedFigure, ...], Field(min_length=1)]
    """The first is the one the others are ratios of."""
    also: tuple[str, ...] = ()
    """What else was published, a sentence each."""
    why: str = ""
    """Why the measured ones differ."""


class RunRequest(_Value):
    """A run, complete: what the runner, the engines and the recording need to know."""

    lanes: Annotated[tuple[Annotated[Lane, BeforeValidator(_lane)], ...], Field(min_length=1, max_length=64)]
    prompts: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_BATCH)]
    system: str | None = None
    chat: bool = True
    """Through the model's chat template when it has one; off: the prompt as it stands."""
    model: Name = EMBEDDED_MODEL
    """The model of lanes that name none."""
    models: dict[Name, str] = {}
    """Name → Hub id, folder, or the embedded model's name."""
    adapters: dict[AdapterName, str] = {}
    """Name → folder of a LoRA adapter in safetensors; one that is not absolute lies in this project."""
    measure: Measure = Measure()
    baseline: Annotated[int, Field(ge=0)] = 0
    """The index of the lane the others are compared with."""
    published: Published | None = None

    @field_validator("prompts")
    @classmethod
    def _no_empty_prompt(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        for index, prompt in enumerate(prompts):
            if not prompt.strip():
                raise ValueError(f"prompt {index + 1} is empty; give at least one word")
        return prompts

    @model_validator(mode="after")
    def _names_known(self) -> RunRequest:
        for lane in self.lanes:
            model = lane.variant.model or self.model
            if model not in self.models:
                raise ValueError(f"lane {str(lane)!r}: model {model!r} is not known (allowed: {_listed(self.models)})")
            for adapter in filter(None, lane.variant.adapters):
                if adapter not in self.adapters and random_rank(adapter) is None:
                    there = ", ".join([*sorted(self.adapters), f"random-r1 to random-r{MAX_RANK}"])
                    raise ValueError(f"lane {str(lane)!r}: adapter {adapter!r} is not known (allowed: {there})")
        return self

    @model_validator(mode="after")
    def _every_prompt_is_asked(self) -> RunRequest:
        largest = max(self.lanes, key=lambda lane: lane.batch)
        if len(self.prompts) > largest.batch:
            raise ValueError(
                f"lane {str(largest)!r}: {len(self.prompts)} prompts do not fit in batch {largest.batch};"
                " allowed: at most as many prompts as the largest batch has rows"
            )
        return self

    @model_validator(mode="after")
    def _baseline_there(self) -> RunRequest:
        if self.baseline >= len(self.lanes):
            raise ValueError(f"baseline: there is no lane of index {self.baseline} (allowed: 0 to {len(self.lanes) - 1})")
        return self

    def rows(self, lane: Lane) -> tuple[str, ...]:
        """The prompt of each row of a lane's batch: the prompts, cycled; a batch of fewer rows is asked the first ones."""
        return tuple(self.prompts[row % len(self.prompts)] for row in range(lane.batch))

    def longer(self, repeats: int) -> RunRequest:
        """The same with so many more repeats. Raises `SpecError` when they are more than are allowed."""
        fields = {name: getattr(self, name) for name in RunRequest.model_fields}
        measure = self.measure.model_dump() | {"repeats": self.measure.repeats + repeats}
        return RunRequest.build(**fields | {"measure": measure})

    @classmethod
    def build(cls, **fields: Any) -> RunRequest:
        """The request from plain values. Raises `SpecError`, never pydantic's own error."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise SpecError("run", explain(error)) from None


def explain(error: ValidationError) -> str:
    """The first thing that is wrong, as one sentence: field, what was given, what is allowed."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"] if not isinstance(part, str) or part not in DECODINGS)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, SpecError):
        return str(cause)
    what = str(cause) if cause else first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "extra_forbidden":
        what = "there is no such field"
    elif first["type"] in ("too_short", "too_long"):
        limits = first["ctx"]
        bound = f"at least {limits['min_length']}" if first["type"] == "too_short" else f"at most {limits['max_length']}"
        what = f"must be {bound} in number, not {limits['actual_length']}"
    elif not cause and first["type"] != "missing":
        what += f", not {str(first['input'])[:80]!r}"
    return f"{where}: {what}" if where and where not in what else what


def _one_of(field: str, what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SpecError(field, f"unknown {what} {value!r} (allowed: {', '.join(allowed)})")


def _options(field: str, text: str | None, allowed: tuple[str, ...], owner: str) -> dict[str, Any]:
    if text is None or text == "":
        return {}
    options: dict[str, Any] = {}
    for item in text.split(","):
        key, equals, value = item.partition("=")
        if key not in allowed:
            raise SpecError(field, f"unknown option {key!r} in {owner} (allowed: {', '.join(allowed) or 'none'})")
        if not equals or not value:
            raise SpecError(field, f"option {key!r} has no value; write {key}=…")
        if key in options:
            raise SpecError(field, f"option {key!r} is given twice")
        options[key] = value
    return options


def _join(value: BaseModel, names: Any) -> str:
    return ",".join(f"{name}={_text(getattr(value, name))}" for name in names if getattr(value, name) is not None)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def _listed(names: dict[str, str]) -> str:
    return ", ".join(sorted(names)) or "none"
