"""Bare `model.generate`, timed from outside: the child that the `app` benchmark is measured against.

Nothing of the playground is used here but the prompt: weights by `from_pretrained` as a reader would, no stopping criterion, no streamer.
A repeat times two whole calls, of n tokens and of 1: (E2E(n) − E2E(1)) / (n − 1) is the time per output token, free of any probe.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import logging as transformers_logging

from tests.benchmarks.setup import PROMPT


def load(folder: Path, precision: str) -> Any:
    how: dict[str, Any] = {}
    if precision == "nf4":
        how["quantization_config"] = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, device_map={"": "cpu"}, **how).eval()


def generate(model: Any, tokenizer: Any, tokens: int) -> tuple[float, list[int]]:
    """(E2E in seconds, output ids) of one greedy answer of exactly so many tokens, from text to ids."""
    began = time.perf_counter()
    conversation = [{"role": "user", "content": PROMPT}]
    inputs = tokenizer.apply_chat_template(conversation, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = model.generate(**inputs, max_new_tokens=tokens, do_sample=False, eos_token_id=None, pad_token_id=tokenizer.pad_token_id)
    return time.perf_counter() - began, output[0, inputs["input_ids"].shape[1] :].tolist()


def timed(model: Any, tokenizer: Any, tokens: int, repeats: int) -> dict[str, Any]:
    """One warm-up, then repeats; the short call just before the long one, so that both see the same machine."""
    generate(model, tokenizer, tokens)
    tpot: list[float] = []
    ids: list[int] = []
    for _ in range(repeats):
        one_s, _ = generate(model, tokenizer, 1)
        all_s, ids = generate(model, tokenizer, tokens)
        tpot.append((all_s - one_s) / (tokens - 1))
    return {"tpot_s": tpot, "median_tpot_s": statistics.median(tpot), "output_ids": ids}


def main(folder: Path, threads: int) -> None:
    torch.set_num_threads(threads)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    models: dict[str, Any] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["precision"] not in models:
            models[asked["precision"]] = load(folder, asked["precision"])
        answer = timed(models[asked["precision"]], tokenizer, asked["tokens"], asked["repeats"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
