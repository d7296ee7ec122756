"""Presets: a YAML file → Preset → RunRequest. One file a preset; every mistake in it is one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from playground.errors import InputError
from playground.spec.explain import explain
from playground.spec.lane import Lane
from playground.spec.measure import Measure, Schedule
from playground.spec.names import EMBEDDED_MODEL, Name, random_rank
from playground.spec.published import Published
from playground.spec.request import RunRequest
from playground.spec.workload import Workload, with_workload

SUFFIXES = (".yaml", ".yml")


class Preset(BaseModel):
    """A run worth showing, and what to look for in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    """How it is asked for; the file's name if the file says nothing else."""
    order: int = 100
    """Its place in a list: small comes first."""
    title: str = Field(min_length=1)
    lesson: str = ""
    """A few sentences: what to look for."""
    lanes: tuple[str, ...] = Field(min_length=1)
    """Lane texts, kept in their canonical form."""
    workload: Workload = Workload()
    """Its fields stand beside the lanes in a preset's file."""
    measure: Measure = Measure()
    model: Name = EMBEDDED_MODEL
    model_on_gpu: Name | None = None
    """Taken instead of `model` on a GPU, where a small model shows only what launching kernels costs."""
    published: Published | None = None
    """Figures of others, shown beside the measured ones."""

    _workload = model_validator(mode="before")(with_workload)

    @field_validator("lanes")
    @classmethod
    def _canonical(cls, lanes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(Lane.parse(lane)) for lane in lanes)

    @property
    def schedule(self) -> Schedule | None:
        """The schedule the preset asks for; None: it leaves the choice to whoever runs it."""
        return self.measure.schedule if "schedule" in self.measure.model_fields_set else None

    @property
    def adapters(self) -> set[str]:
        """The names of those that must be known for it; untrained ones always are."""
        named = {name for lane in self.lanes for name in Lane.parse(lane).variant.adapters if name}
        return {name for name in named if random_rank(name) is None}

    def request(self, *, models: Mapping[str, str], adapters: Mapping[str, str], on_gpu: bool = False, **overrides: Any) -> RunRequest:
        """The run. `overrides` are fields of `RunRequest`; the preset gives the rest. Raises InputError.

        `on_gpu` takes `model_on_gpu` if there is one and it is among the models.
        """
        larger = on_gpu and self.model_on_gpu is not None and self.model_on_gpu in models
        fields: dict[str, Any] = {
            "lanes": self.lanes,
            "workload": self.workload,
            "model": self.model_on_gpu if larger else self.model,
            "models": dict(models),
            "adapters": dict(adapters),
            "measure": self.measure,
            "published": self.published,
        }
        return RunRequest.build(**fields | overrides)


def load_presets(folder: Path) -> dict[str, Preset]:
    """Every preset of a folder by its name, in their order. Raises InputError."""
    if not folder.is_dir():
        raise InputError(f"presets {str(folder)!r}", "there is no such folder")
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    found: dict[str, Preset] = {}
    for path in files:
        preset = load_preset(path)
        if preset.name in found:
            raise InputError(f"preset {str(path)!r}", f"name: {preset.name!r} is the name of another preset too; allowed: one file a name")
        found[preset.name] = preset
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))


def offered(presets: Mapping[str, Preset], adapters: Mapping[str, str]) -> dict[str, Preset]:
    """The presets that a page with these adapters can run."""
    return {name: preset for name, preset in presets.items() if preset.adapters <= set(adapters)}


def load_preset(path: Path) -> Preset:
    """The preset in a file. Raises InputError naming the file, the field, what is wrong and what is allowed."""
    where = f"preset {str(path)!r}"
    fields = _mapping(where, path)
    try:
        return Preset.model_validate({"name": path.stem} | fields)
    except ValidationError as error:
        raise InputError(where, explain(error) + _allowed(error)) from None


def _mapping(where: str, path: Path) -> dict[Any, Any]:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(where, "there is no such file") from None
    except OSError as error:
        raise InputError(where, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(where, "is not text in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(where, f"is not YAML: {error.problem}{line}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(where, f"is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise InputError(where, f"must be fields and their values (allowed fields: {', '.join(_fields())})")
    if odd := [key for key in value if not isinstance(key, str)]:
        raise InputError(where, f"{odd[0]!r} is not a field (allowed: {', '.join(_fields())})")
    return value


def _allowed(error: ValidationError) -> str:
    """The fields there are, when the error is one that there is not."""
    first = error.errors(include_url=False)[0]
    if first["type"] != "extra_forbidden":
        return ""
    return f" (allowed: {', '.join(Measure.model_fields if first['loc'][0] == 'measure' else _fields())})"


def _fields() -> list[str]:
    """Of a preset's file: those of the workload in place of the workload."""
    return [name for field in Preset.model_fields for name in (Workload.model_fields if field == "workload" else (field,))]
