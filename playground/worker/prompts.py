"""Prompts to token ids and back: the model's own tokenizer and chat template."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jinja2 import TemplateError
from tokenizers.decoders import DecodeStream
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from playground.timeline.trace import RowText, Step
from playground.worker.device import Device
from playground.worker.failures import LoadError, first_line

TEMPLATE_LIMIT_S = 5.0


class PromptError(Exception):
    """The prompt cannot be given to this model; one sentence for the reader."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the rows of a lane are asked."""

    rows: tuple[str, ...]
    system: str | None
    chat: bool


class Encoder:
    """A model's tokenizer as this project uses it: chat template, left padding."""

    def __init__(self, folder: Path) -> None:
        try:
            self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                folder, padding_side="left", local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
            raise LoadError(f"the tokenizer in {folder.name!r} cannot be read: {first_line(error)}") from error
        self._one_at_a_time = threading.Lock()
        """Padding is a setting of the tokenizer itself: it refuses to be called twice at once, as contended lanes would."""
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token or self.tokenizer.convert_ids_to_tokens(0)

    def render(self, prompts: Prompts) -> list[str]:
        """Each row as the text that is tokenized. Raises PromptError."""
        if not (prompts.chat and self.tokenizer.chat_template):
            if prompts.system:
                raise PromptError("a system prompt needs a chat template, and this model has none or it is switched off")
            return list(prompts.rows)
        before = [{"role": "system", "content": prompts.system}] if prompts.system else []
        conversations = [[*before, {"role": "user", "content": row}] for row in prompts.rows]
        try:
            return [str(self.tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True)) for c in conversations]
        except (TemplateError, ValueError, TypeError) as error:
            raise PromptError(f"the model's chat template refused the prompt: {first_line(error)}") from error

    def encode(self, prompts: Prompts, device: Device) -> dict[str, torch.Tensor]:
        """`input_ids` and `attention_mask`, [rows, longest prompt], left-padded, on the device."""
        templated = prompts.chat and bool(self.tokenizer.chat_template)
        texts = self.render(prompts)
        with self._one_at_a_time:
            encoded = self.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=not templated)
        return {name: encoded[name].to(device.torch) for name in ("input_ids", "attention_mask")}

    def check(self, prompts: Prompts, context: int | None, new_tokens: int) -> tuple[int, ...]:
        """Tokens per row. Raises PromptError when one does not fit, or when the template does not come to an end."""
        templated = prompts.chat and bool(self.tokenizer.chat_template)
        texts = _within(TEMPLATE_LIMIT_S, lambda: self.render(prompts))
        counts = tuple(len(ids) for ids in self.tokenizer(texts, add_special_tokens=not templated)["input_ids"])
        longest = max(counts)
        if min(counts) == 0:
            raise PromptError("a prompt has no tokens")
        if context is not None and longest + new_tokens > context:
            raise PromptError(
                f"the prompt has {longest} tokens; with {new_tokens} new ones it is longer than the model's context of {context}"
            )
        return counts

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))


class RowStreams:
    """The shown text of a repeat's rows, as it grows. For the display only; the final text is decoded whole."""

    def __init__(self, encoder: Encoder, rows: int, revises: bool) -> None:
        self._encoder = encoder
        self._whole = [revises or not hasattr(encoder.tokenizer, "_tokenizer")] * rows
        """Rows whose text is decoded whole each time, instead of token by token."""
        self._streams = [DecodeStream(skip_special_tokens=True) for _ in range(rows)]
        self._ids: list[list[int]] = [[] for _ in range(rows)]
        self._shown = [""] * rows

    def changes(self, step: Step) -> list[RowText]:
        """How a step changes the shown texts of the rows it touched."""
        return [change for row, ids in step.token_ids.items() if (change := self._change(row, ids, step.keep)) is not None]

    def _change(self, row: int, ids: Sequence[int], keep: Mapping[int, int] | None) -> RowText | None:
        if keep is not None:
            del self._ids[row][keep[row] :]
        self._ids[row].extend(ids)
        if not self._whole[row]:
            try:
                return self._append(row, ids)
            except Exception:  # noqa: BLE001 - tokenizers raises no narrower one when byte tokens make no valid text
                self._whole[row] = True
        return self._revise(row)

    def _append(self, row: int, ids: Sequence[int]) -> RowText | None:
        pieces = (self._streams[row].step(self._encoder.tokenizer._tokenizer, token) for token in ids)
        text = "".join(piece for piece in pieces if piece)
        self._shown[row] += text
        return RowText(row, text) if text else None

    def _revise(self, row: int) -> RowText | None:
        before, after = self._shown[row], self._encoder.decode(self._ids[row])
        self._shown[row] = after
        common = _common(before, after)
        return None if before == after else RowText(row, after[common:], common if common < len(before) else None)


def _common(before: str, after: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after)))


class _TooLong(BaseException):
    """Thrown into a template that does not end; a BaseException so that no template code catches it."""


def _within(limit_s: float, render: Any) -> list[str]:
    """Runs a chat template, which is the model author's program, with a time limit."""
    result: list[list[str]] = []
    failure: list[Exception] = []

    def body() -> None:
        try:
            result.append(render())
        except Exception as error:  # noqa: BLE001 - the template is a program of the model's author: it may raise anything
            failure.append(error)
        except _TooLong:
            return

    thread = threading.Thread(target=body, name="chat-template", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TooLong))
        raise PromptError(f"the model's chat template did not finish within {limit_s:g} s")
    if failure:
        error = failure[0]
        raise error if isinstance(error, PromptError) else PromptError(f"the model's chat template failed: {first_line(error)}")
    return result[0]
