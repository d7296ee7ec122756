"""What the options of the command line ask for, and the options themselves: `run` and `code` take them alike."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from playground.errors import InputError
from playground.report.sections.read_as import TOOLS
from playground.settings import Settings
from playground.spec.knobs import Setting, Stored, nested
from playground.spec.lane import Lane
from playground.spec.names import check_adapter_name, check_name
from playground.spec.presets import SUFFIXES, Preset, load_preset, load_presets
from playground.spec.request import SETTINGS, RunRequest

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
TargetText = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NAME|LIMITS",
        help="Says of every lane whether it is fast enough: a published target (chat, voice, search, documents, mlperf-llama3.1-8b, …), or "
        "limits of your own in ms or s, such as ttft=200ms,tpot=50ms,e2e=2s.",
    ),
]
ReadAs = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(TOOLS),
        help="After the results, the same timelines by this tool's definitions of TTFT, TPOT, ITL, E2E and throughput, and why.",
    ),
]
Given = Mapping[str, Any]
"""What was given for the options of the settings, by parameter; None: nothing."""


def takes_settings(settings: Iterable[Setting]) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Gives a command an option for each setting, in place of its parameter `given`."""
    options = {setting.parameter: _option(setting) for setting in settings}

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def with_options(**values: Any) -> int:
            given = {name: values.pop(name) for name in options}
            return command(**values, given=given)

        own = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        for parameter in own.parameters.values():
            parameters += options.values() if parameter.name == "given" else [parameter]
        shown: Any = with_options
        shown.__signature__ = own.replace(parameters=parameters)
        shown.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_options

    return decorate


def _option(setting: Setting) -> inspect.Parameter:
    info = typer.Option(
        setting.knob.option or (f"{_name(setting)}/--no-{setting.element}" if setting.kind == "switch" else _name(setting)),
        metavar=_metavar(setting),
        help="  ".join(filter(None, (setting.knob.help, _default(setting)))),
        show_default=False,
    )
    kind = setting.type
    return inspect.Parameter(setting.parameter, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, info])


def _metavar(setting: Setting) -> str | None:
    match setting.kind:
        case "switch":
            return None
        case "choice":
            return "|".join(setting.allowed)
        case "whole" | "number":
            return {"%": "PERCENT"}.get(setting.knob.unit, setting.knob.unit.upper()) or "N"
        case _:
            return "TEXT"


def _default(setting: Setting) -> str:
    """What the help says of it; nothing for texts, and for what can only be turned from its default."""
    if setting.kind in ("text", "texts") or _turns(setting):
        return ""
    default = setting.typed_default
    return f"[default: {setting.knob.default or (f'{default:g}' if isinstance(default, float) else default)}]"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """A preset, and what the options change in it. An option left out leaves the preset's own."""

    settings: Settings
    preset: Preset
    lanes: Sequence[str]
    models: Mapping[str, str]
    adapters: Mapping[str, str]
    given: Mapping[str, Any]
    """Settings as the fields of a request, `{"measure": {"seed": 3}}`."""
    model: str | None
    """Of lanes that name none, if the options say it."""
    baseline: int | None = None

    def request(self, on_gpu: bool = False) -> RunRequest:
        """Raises InputError."""
        known = {name: value for name, value in (("model", self.model), ("baseline", self.baseline)) if value is not None}
        return self.preset.request(
            models=self.settings.models | dict(self.models),
            adapters=self.settings.adapters | dict(self.adapters),
            on_gpu=on_gpu,
            lanes=self.lanes,
            **known,
            **{group: getattr(self.preset, group).model_dump(exclude_unset=True) | fields for group, fields in self.given.items()},
        )


def read_options(
    settings: Settings, preset: str | None, lanes: list[str] | None, models: list[str] | None, adapters: list[str] | None, given: Given
) -> RunOptions:
    """Raises InputError naming the option."""
    chosen = _choose(settings, preset, lanes)
    texts, named = lanes or chosen.lanes, _named("--model", models)
    folders = _folders(_named("--adapter", adapters))
    return RunOptions(settings, chosen, texts, named, folders, read_settings(given), _the_one_model(named, texts))


def read_settings(given: Given) -> dict[str, Any]:
    """The settings that were given, as the fields of a request. Raises InputError naming the option."""
    found = [(setting, given[setting.parameter]) for setting in SETTINGS if given.get(setting.parameter) is not None]
    groups = {setting.path[:-1] for setting, _ in found if setting.switches}
    for setting, _ in found:
        needed = next((one for one in SETTINGS if one.switches and one.path[:-1] == setting.path[:-1]), None)
        if needed is not None and setting.path[:-1] not in groups:
            raise InputError(_name(setting), f"goes with {_name(needed)}, which is not given; allowed: both, or neither")
    return nested((setting, setting.checked(_stored(setting, value), _name(setting))) for setting, value in found)


def _stored(setting: Setting, value: Any) -> Stored:
    if _turns(setting):
        return not setting.default
    return tuple(value) if isinstance(value, list) else value


def _turns(setting: Setting) -> bool:
    """Whether the option is a switch with one name, which gives what is not the default."""
    return setting.kind == "switch" and bool(setting.knob.option) and "/" not in setting.knob.option


def _name(setting: Setting) -> str:
    """The option's name, where it has two the first."""
    return (setting.knob.option or f"--{setting.element}").partition("/")[0]


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
