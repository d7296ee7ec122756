"""What the options of the command line ask for, and the options themselves: `run` and `code` take them alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from playground.errors import InputError
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.spec.names import check_adapter_name, check_name
from playground.spec.presets import SUFFIXES, Preset, load_preset, load_presets
from playground.spec.request import RunRequest

PresetName = Annotated[
    str | None, typer.Argument(metavar="[PRESET_OR_FILE]", help="A preset's name, or a YAML file of your own.", show_default=False)
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=ID",
        help="Gives a name to a Hub id or a folder; repeat it. If there is just one and no lane names a model, all lanes run it.",
    ),
]
Adapters = Annotated[
    list[str] | None, typer.Option(metavar="NAME=PATH", help="Gives a name to a LoRA adapter's folder; repeat it. Use it as bf16+NAME.")
]
Prompts = Annotated[list[str] | None, typer.Option(metavar="TEXT", help="Replaces the preset's; repeat it to fill the rows of a batch.")]
System = Annotated[str | None, typer.Option(metavar="TEXT", help="A system prompt.")]
MaxNewTokens = Annotated[int | None, typer.Option(metavar="N", help="Output tokens a row.  [default: 64]")]
FixedLength = Annotated[
    bool | None,
    typer.Option("--fixed-length/--free-length", help="Every row has exactly N tokens, or ends when the model ends it.  [default: fixed]"),
]
Warmup = Annotated[int | None, typer.Option(metavar="N", help="Repeats run first and never counted.  [default: 1]")]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Of lanes that sample.  [default: 7]")]
Threads = Annotated[int | None, typer.Option(metavar="N", help="CPU threads of one operation.  [default: the machine's cores]")]
Agreement = Annotated[
    bool | None,
    typer.Option(
        "--agreement/--no-agreement",
        help="After the repeats, each lane's model reads the baseline's answer, and it is counted how often both find the same next "
        "token likeliest.  [default: not, unless the preset says so]",
    ),
]
QuantumMs = Annotated[
    float | None, typer.Option(metavar="MS", help="Interleaved: a lane keeps its turn for so long; 0: one step.  [default: 100]")
]
UntilPercent = Annotated[
    float | None,
    typer.Option(
        "--until",
        metavar="PERCENT",
        help="Adds repeats until each lane's 95 % interval of the ratio to the baseline is narrower than this.  [default: none are added]",
    ),
]
TimeLimit = Annotated[
    float | None, typer.Option(metavar="S", help="With --until: no repeat is added after so many seconds.  [default: 120]")
]
TargetText = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NAME|LIMITS",
        help="Says of every lane whether it is fast enough: a published target (chat, voice, search, documents, mlperf-llama3.1-8b, …), or "
        "limits of your own in ms or s, such as ttft=200ms,tpot=50ms,e2e=2s.",
    ),
]
Raw = Annotated[bool, typer.Option("--raw", help="The prompt as it stands, not through the model's chat template.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """A preset, and what the options change in it. An option left out is None and leaves the preset's own."""

    settings: Settings
    preset: Preset
    lanes: Sequence[str]
    models: Mapping[str, str]
    adapters: Mapping[str, str]
    measure: Mapping[str, Any]
    fields: Mapping[str, Any]
    """Of `RunRequest`."""
    model: str | None
    """Of lanes that name none, if the options say it."""

    def request(self, on_gpu: bool = False) -> RunRequest:
        """Raises InputError."""
        return self.preset.request(
            models=self.settings.models | dict(self.models),
            adapters=self.settings.adapters | dict(self.adapters),
            on_gpu=on_gpu,
            lanes=self.lanes,
            measure=self.preset.measure.model_dump(exclude_unset=True) | known(self.measure),
            **known({**self.fields, "model": self.model}),
        )


def read_options(
    settings: Settings,
    preset: str | None,
    lanes: list[str] | None,
    models: list[str] | None,
    adapters: list[str] | None,
    measure: Mapping[str, Any],
    fields: Mapping[str, Any],
) -> Asked:
    """Raises InputError naming the option."""
    chosen = _choose(settings, preset, lanes)
    texts, named = lanes or chosen.lanes, _named("--model", models)
    return Asked(settings, chosen, texts, named, _folders(_named("--adapter", adapters)), measure, fields, _the_one_model(named, texts))


def until_sure(percent: float | None, limit_s: float | None) -> dict[str, float] | None:
    """What --until and --time-limit ask for; None when they ask for nothing. Raises InputError."""
    if percent is None:
        if limit_s is not None:
            raise InputError("--time-limit", "goes with --until; allowed: --until 5 --time-limit 60")
        return None
    if not 0 < percent <= 200:
        raise InputError("--until", f"{percent:g} is not a width; allowed: above 0 and at most 200 percent")
    return {"width": percent / 100} | ({} if limit_s is None else {"limit_s": limit_s})


def known(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was given: an option left out is None."""
    return {name: value for name, value in values.items() if value is not None}


def place(option: str, number: int, lanes: int) -> int:
    """A lane's index, from its number as people count."""
    if not 1 <= number <= lanes:
        raise InputError(option, f"there is no lane {number}; allowed: {'1' if lanes == 1 else f'1 to {lanes}'}")
    return number - 1


def _choose(settings: Settings, preset: str | None, lanes: list[str] | None) -> Preset:
    """The preset asked for, by name or as a file; with lanes of one's own none is needed."""
    if preset is None:
        if not lanes:
            raise InputError(
                "run", f"nothing to run; name a preset (allowed: {_listed(load_presets(settings.presets_dir))}) or give --lane"
            )
        return Preset(name="lanes", title="Lanes", lanes=tuple(str(Lane.parse(text)) for text in lanes))
    path = Path(preset)
    if path.suffix in SUFFIXES:
        return load_preset(path)
    known = load_presets(settings.presets_dir)
    if preset in known:
        return known[preset]
    if path.is_file():
        return load_preset(path)
    raise InputError("preset", f"{preset!r} is not known (allowed: {_listed(known)}, or a YAML file)")


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"


def _named(option: str, texts: list[str] | None) -> dict[str, str]:
    """NAME=VALUE options as a mapping."""
    found: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise InputError(option, f"{text!r} is not understood; write NAME={'ID' if option == '--model' else 'PATH'}")
        if name in found:
            raise InputError(option, f"{name!r} is given twice; allowed: each name once")
        try:
            found[check_name(name) if option == "--model" else check_adapter_name(name)] = value
        except ValueError as error:
            raise InputError(option, str(error)) from None
    return found


def _folders(adapters: dict[str, str]) -> dict[str, str]:
    """Adapters as absolute paths, for an engine may run elsewhere."""
    for name, path in adapters.items():
        if not Path(path).expanduser().is_dir():
            raise InputError("--adapter", f"{name}: there is no folder {path!r}; allowed: a folder with a LoRA adapter")
    return {name: str(Path(path).expanduser().resolve()) for name, path in adapters.items()}


def _the_one_model(models: Mapping[str, str], lanes: Sequence[str]) -> str | None:
    """The model of lanes that name none, if the command line gives exactly one and no lane names any."""
    if len(models) != 1 or any(Lane.parse(lane).variant.model for lane in lanes):
        return None
    return next(iter(models))
