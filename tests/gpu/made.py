"""A random Llama of a realistic shape, its tokenizer made from scratch, a random LoRA, and bare `generate` to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"
LINEAR_A_LAYER = 7
"""q, k, v, o, gate, up, down: what a quantizer replaces."""


@dataclass(frozen=True, slots=True)
class Shape:
    hidden: int
    inner: int
    layers: int
    heads: int
    key_value_heads: int
    vocabulary: int
    context: int


REALISTIC = Shape(hidden=2048, inner=5632, layers=12, heads=16, key_value_heads=4, vocabulary=32_000, context=8192)
"""0.66 billion parameters, 1.3 GB in bf16; made on the device in seconds."""
TINY = Shape(hidden=64, inner=128, layers=2, heads=4, key_value_heads=2, vocabulary=512, context=2048)


def make_llama(folder: Path, shape: Shape, device: str) -> Path:
    """Saves the model as bf16 safetensors. Weights are drawn on the device: on the CPU that alone would take most of a minute."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        vocab_size=shape.vocabulary,
        max_position_embeddings=shape.context,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        # Wide enough that the layers, not the last token's embedding, decide what comes next: outputs then vary.
        initializer_range=0.2 if shape is TINY else 0.05,
        tie_word_embeddings=False,
    )
    with torch.device(device):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    make_tokenizer(shape.vocabulary).save_pretrained(folder)
    return folder


def make_tokenizer(size: int) -> PreTrainedTokenizerFast:
    """Every byte is a token, so any text can be asked; the rest of the vocabulary are made-up words, so any output can be read."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<s>", "</s>", *alphabet]
    words += [f"Ġword{number}" for number in range(size - len(words))]
    tokenizer = Tokenizer(models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    fast.chat_template = TEMPLATE
    return fast


def make_lora(model_folder: Path, folder: Path, device: str) -> Path:
    """A LoRA whose matrices are random (PEFT's own start is zero, which would change nothing)."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.bfloat16, device_map={"": device})
    config = LoraConfig(r=16, lora_alpha=64, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
    get_peft_model(model, config).save_pretrained(folder)
    return folder


@torch.no_grad()
def bare_generate(folder: Path, device: str, prompts: list[str], new_tokens: int, **how: Any) -> list[list[int]]:
    """What the reader's own code would do, in fp32: the output ids of each row, length fixed."""
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map={"": device}).eval()
    texts = [tokenizer.apply_chat_template([{"role": "user", "content": p}], tokenize=False, add_generation_prompt=True) for p in prompts]
    encoded = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    inputs = {name: encoded[name].to(device) for name in ("input_ids", "attention_mask")}
    fixed = {"do_sample": False, "eos_token_id": None, "pad_token_id": tokenizer.pad_token_id, "max_new_tokens": new_tokens}
    output = model.generate(**inputs, **(fixed | how))
    ids: list[list[int]] = output[:, inputs["input_ids"].shape[1] :].tolist()
    return ids
