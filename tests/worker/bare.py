"""What the reader's own code would do: transformers alone, nothing of the playground."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

NF4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
INT8 = BitsAndBytesConfig(load_in_8bit=True)


def generate(
    folder: Path, prompts: list[str], new_tokens: int = 12, fixed: bool = True, load: dict[str, Any] | None = None, **how: Any
) -> list[list[int]]:
    """The output ids of each row, prompt left out."""
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, **(load or {"dtype": torch.float32})).eval()
    texts = [tokenizer.apply_chat_template([{"role": "user", "content": p}], tokenize=False, add_generation_prompt=True) for p in prompts]
    inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    ends = {"eos_token_id": None} if fixed else {}
    output = model.generate(
        **{name: inputs[name] for name in ("input_ids", "attention_mask")},
        max_new_tokens=new_tokens,
        pad_token_id=tokenizer.pad_token_id,
        **{"do_sample": False, **how},
        **ends,
    )
    ids: list[list[int]] = output[:, inputs["input_ids"].shape[1] :].tolist()
    return ids
