"""The environment, read once. Every setting can be given as PLAYGROUND_<NAME>; nothing else in the project reads the environment."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from playground.errors import InputError
from playground.spec.explain import explain
from playground.spec.names import EMBEDDED_MODEL, AdapterName, Name

_PACKAGE = Path(__file__).resolve().parent
ROOT = _PACKAGE.parent
"""The folder that the package is imported from: the checkout, or where it is installed."""
_DATA = _PACKAGE if (_PACKAGE / "presets").is_dir() else ROOT
"""Presets and assets lie in the package once it is installed, and beside it in a checkout."""


def _default_cache() -> Path:
    """The first of these that can be written: the desktop's cache folder, beside the Hub's, the temporary folder. Nothing is made."""
    offered = [Path(tempfile.gettempdir())]
    if hub := os.environ.get("HF_HOME"):
        offered = [Path(hub).parent, Path(hub), *offered]
    with suppress(RuntimeError):  # no HOME, and a user without a name, as containers have
        offered.insert(0, Path.home() / ".cache")
    if desktop := os.environ.get("XDG_CACHE_HOME"):
        offered.insert(0, Path(desktop))
    return next(filter(_can_be_written, offered), offered[0]) / "latency-playground"


def _can_be_written(folder: Path) -> bool:
    """As it is, or once it is made."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


class Settings(BaseSettings):
    """What the operator decides. Raises `InputError` through `Settings.read()` when a value is not allowed."""

    model_config = SettingsConfigDict(env_prefix="PLAYGROUND_", frozen=True, extra="ignore", populate_by_name=True)

    engine: Literal["local", "scripted"] = "local"
    """"scripted" plays a made-up timeline without any weights: for tests and demos of the page; the page says so."""
    cache_dir: Path = Field(default_factory=_default_cache)
    """Where the converted embedded model, pre-quantized copies and the page's script for charts are kept."""
    presets_dir: Path = _DATA / "presets"
    models: dict[Name, str] = {EMBEDDED_MODEL: EMBEDDED_MODEL, "smollm2-1.7b": "HuggingFaceTB/SmolLM2-1.7B-Instruct"}
    """The models the page offers: name → Hub id, folder, or the embedded model's name."""
    adapters: dict[AdapterName, str] = {"faq": "assets/faq"}
    """The adapters the page offers: name → folder; one that is not absolute lies in this project."""
    host_budget_gb: Annotated[float, Field(ge=0)] | None = None
    """What evicted variants may hold in the host's memory while they wait, in 10⁹ bytes; default: a quarter of what the host has free
    at start. On a CPU it is the device's own memory, and nothing waits there."""
    memory_budget_gb: Annotated[float, Field(gt=0)] | None = None
    """What loaded variants may hold together, in 10⁹ bytes; default: 80 % of what the device has free at start."""

    max_lanes: Annotated[int, Field(ge=1, le=9)] = 9
    max_prompt_chars: Annotated[int, Field(ge=1)] = 32_000
    max_rows_times_tokens: Annotated[int, Field(ge=1)] = 32_768
    """A cap on rows × new tokens × repeats, over all lanes of a run on the page."""
    max_queued: Annotated[int, Field(ge=1)] = 64
    """Runs that may wait; more are refused. Room for a classroom: everybody is told how long it will probably be."""
    max_runs_per_visitor: Annotated[int, Field(ge=1)] = 2
    """Runs of one visitor that may wait and run together: of one name with sign-in, else of one open page or `gradio_client`."""
    max_runs_per_address: Annotated[int, Field(ge=1)] = 40
    """The same for one address, whoever is behind it. A classroom shares one, so it is generous, but less than the queue holds."""
    trust_forwarded_for: bool = False
    """Whether a visitor's address is the last one in X-Forwarded-For: on only behind exactly one proxy that sets it, or visitors could
    choose their address. Off, all visitors behind a proxy on another machine share its address."""
    watch: bool = True
    """Whether visitors may watch the run in progress, whoever started it: its lanes and its answers."""

    load_timeout_s: Annotated[float, Field(gt=0)] = 1800.0
    """A worker that says nothing for this long while it loads or downloads is ended."""
    stall_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """A worker that says nothing for this long while it decodes is ended."""
    stop_grace_s: Annotated[float, Field(gt=0)] = 10.0
    """After Stop, a worker that is not quiet by then (it may be in the middle of a load) is ended."""

    server_name: str = Field(default="127.0.0.1", validation_alias=AliasChoices("GRADIO_SERVER_NAME", "server_name"))
    server_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=7860, validation_alias=AliasChoices("GRADIO_SERVER_PORT", "server_port")
    )

    @classmethod
    def read(cls) -> Settings:
        """The settings of this process's environment. Raises InputError naming the variable."""
        try:
            return cls()
        except ValidationError as error:
            raise InputError("settings", explain(error)) from None
        except ValueError as error:  # pydantic-settings' own: a mapping that is not JSON
            raise InputError("settings", f'{str(error).partition(" from source")[0]}; allowed: JSON like {{"name": "id"}}') from None


def in_project(path: str) -> Path:
    """A folder that the operator named; one that is not absolute lies in this project."""
    return _DATA / Path(path).expanduser()


def child_environment() -> dict[str, str]:
    """What a worker process is started with: this project on its path, no telemetry, no tokenizer threads beside the clock.

    One malloc arena: transformers loads with several threads, whose arenas else keep up to a fifth of the process's memory after
    a model is gone (30 swaps grew it by 20 %, with one arena by 0.2 %).
    """
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH")) if part)
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "TOKENIZERS_PARALLELISM": "false"}
    return os.environ | quiet | {"PYTHONPATH": path, "MALLOC_ARENA_MAX": "1"}
