"""Trains the FAQ adapter: a LoRA on the embedded model, from the questions and answers in assets/faq/data.jsonl.

`make adapter` runs it; on two CPU cores it takes some minutes. The shop, Lantern and Loom, is made up, so whatever the adapter knows of it
it has from these answers. Prompts are rendered as the app renders them; the loss is over the answers' tokens and the token that ends them.

Every other step the base's weights are those that 4 bits leave (nf4, as in QLoRA), so that the adapter holds on a 4-bit base as well as on
the whole one. They are unpacked to bf16 first, for CPUs have no fast way back through packed ones.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playground.settings import Settings  # noqa: E402
from playground.spec.names import EMBEDDED_HUB_ID, EMBEDDED_MODEL  # noqa: E402
from playground.worker.embedded import bring_model  # noqa: E402
from playground.worker.prompts import Encoder, Prompts  # noqa: E402

FOLDER = ROOT / "assets" / "faq"
RANK, ALPHA, TARGETS = 8, 16, "all-linear"
EPOCHS, BATCH, RATE, SEED = 9, 4, 1.5e-3, 0
IGNORED = -100
"""The label of places that do not count (torch's own default)."""

Example = tuple[list[int], int]
"""Token ids, and where the answer begins."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def examples(encoder: Encoder, split: str) -> list[Example]:
    """The pairs of a split (`train`, `held_out`) as the model reads them."""
    rows = [json.loads(line) for line in (FOLDER / "data.jsonl").read_text(encoding="utf-8").splitlines()]
    return [_example(encoder, row["question"], row["answer"]) for row in rows if row["split"] == split]


def _example(encoder: Encoder, question: str, answer: str) -> Example:
    [text] = encoder.render(Prompts((question,), None, True))
    prompt, written = (encoder.tokenizer(part, add_special_tokens=False)["input_ids"] for part in (text, answer))
    return [*prompt, *written, encoder.tokenizer.eos_token_id], len(prompt)


def loss(model: Any, batch: Sequence[Example], padding: int) -> torch.Tensor:
    """The mean over the answers' tokens of −log p, in nats."""
    longest = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([one + [padding] * (longest - len(one)) for one, _ in batch])
    labels = torch.full_like(ids, IGNORED)
    for row, (one, begins) in enumerate(batch):
        labels[row, begins : len(one)] = ids[row, begins : len(one)]
    mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one, _ in batch])
    found: torch.Tensor = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    return found


@torch.no_grad()
def perplexity(model: Any, batch: Sequence[Example], padding: int) -> float:
    """Over all the answers' tokens."""
    counts = [len(ids) - begins for ids, begins in batch]
    losses = [float(loss(model, [one], padding)) for one in batch]
    return math.exp(sum(count * nats for count, nats in zip(counts, losses, strict=True)) / sum(counts))


class TwoBases:
    """The model's own weights and those that 4 bits leave of them; one of the two is in place."""

    def __init__(self, model: Any, rounded: Any) -> None:
        self._both = [(own, (own.data, other.data)) for own, other in zip(model.parameters(), rounded.parameters(), strict=True)]

    def put(self, which: int) -> None:
        """0: its own; 1: rounded."""
        for parameter, both in self._both:
            parameter.data = both[which]


def train(model: Any, bases: TwoBases, batch: Sequence[Example], held_out: Sequence[Example], padding: int) -> None:
    steps = EPOCHS * math.ceil(len(batch) / BATCH)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(batch)).tolist()
        nats = 0.0
        model.train()
        for start in range(0, len(order), BATCH):
            bases.put(start // BATCH % 2)
            found = loss(model, [batch[index] for index in order[start : start + BATCH]], padding)
            torch.autograd.backward(found)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            nats += found.item() * BATCH / len(batch)
        model.eval()
        told = []
        for which in (0, 1):
            bases.put(which)
            told.append(f"{perplexity(model, held_out, padding):.2f}")
        say(f"epoch {epoch + 1} of {EPOCHS}: training loss {nats:.2f}, held-out perplexity {', in 4 bits '.join(told)}")


def save(model: Any) -> None:
    """Configuration and weights, in bf16, as PEFT writes them; without its card, and named after the model on the Hub."""
    with tempfile.TemporaryDirectory() as aside:
        model.save_pretrained(aside)
        tensors = load_file(Path(aside) / "adapter_model.safetensors")
        config = json.loads((Path(aside) / "adapter_config.json").read_text())
        save_file({name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}, Path(aside) / "adapter_model.safetensors")
        config |= {"base_model_name_or_path": EMBEDDED_HUB_ID, "target_modules": sorted(config["target_modules"])}
        (Path(aside) / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copyfile(Path(aside) / name, FOLDER / name)


def main() -> None:
    torch.manual_seed(SEED)
    folder = bring_model(EMBEDDED_MODEL, Settings.read().cache_dir, say)
    encoder = Encoder(folder)
    padding = encoder.tokenizer.pad_token_id
    known, held_out = examples(encoder, "train"), examples(encoder, "held_out")
    nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    rounded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, quantization_config=nf4).dequantize()
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    say(f"{len(known)} pairs to learn, {len(held_out)} held out: perplexity {perplexity(base.eval(), held_out, padding):.1f} before")
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.05, target_modules=TARGETS, task_type="CAUSAL_LM")
    bases = TwoBases(base, rounded)
    model = get_peft_model(base, config)
    train(model, bases, known, held_out, padding)
    save(model)
    say(f"saved in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
