"""What a swap needs in passing, with a model of random weights of more than 1 GB (a Llama of 12 layers, 2048 wide, bf16 on disk).

One process with a `Worker` loads a variant, decodes two tokens and evicts it, variant after variant: plain, quantized (first cold, the
copy written, then from that copy), merged. A thread reads the process's RssAnon every 2 ms meanwhile. A value of the first row is a
swap's highest RssAnon above what the process held, trimmed, before it, ÷ (1.3 × the larger of source file and loaded variant + 64 MB);
the figure is the worst. The second row is what is held after each eviction, above what was held before the first load, in percent of
the source file. RssAnon, because safetensors maps files: a bf16 variant on the CPU *is* the mapped file, and allocates next to nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from playground.settings import ROOT, child_environment
from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import Child
from tests.benchmarks.reload import loaded
from tests.benchmarks.setup import Setup
from tests.tiny_models import byte_tokenizer

LANES = ("bf16", "fp32", "nf4", "nf4", "int8", "int8", "bf16+random-r16.merged", "int8+random-r16.merged", "nf4+random-r16.merged", "fp4")
TIMES, ROOM_BYTES, LEFT_PERCENT = 1.3, 64_000_000, 5.0


def run(setup: Setup) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder) / "model", layers=setup.pick(12, 2))
        source = sum(file.stat().st_size for file in made.glob("*.safetensors"))
        with Child("tests.benchmarks.loads", str(made)) as child:
            # What the first load brings into the process, libraries and kernels, is in no swap.
            loaded(child, "nf4")
            start = child.ask({"forget": True})["rss_anon_bytes"]
            before, peaks, left = start, [], []
            for lane in LANES:
                answer = loaded(child, lane)
                allowed = TIMES * max(source, answer["memory_bytes"]) + ROOM_BYTES
                peaks.append({"lane": lane, "above_bytes": answer["peak_bytes"] - before, "allowed_bytes": allowed, **answer})
                before = child.ask({})["rss_anon_bytes"]
                left.append((before - start) / source * 100)
                above = peaks[-1]["above_bytes"] / 1e6
                setup.say(f"memory: {lane} ({answer['load_kind']}): peak {above:.0f} MB above, then {left[-1]:.1f} % left")
    values = tuple(peak["above_bytes"] / peak["allowed_bytes"] for peak in peaks)
    return [
        Figure(
            "memory",
            f"peak RssAnon of a swap ÷ allowed, {source / 1e9:.2f} GB model",
            "×",
            1.0,
            values,
            judged="max",
            raw={"swaps": peaks, "source_bytes": source},
        ),
        Figure("memory", "left in RssAnon after eviction, of the source", "%", LEFT_PERCENT, tuple(left), judged="max"),
    ]


def make(folder: Path, layers: int) -> Path:
    """Saves the model, in a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.memory", str(folder), str(layers)], check=True, cwd=ROOT, env=child_environment()
    )
    return folder


def main(folder: str, layers: str) -> None:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    config = LlamaConfig(
        hidden_size=2048,
        intermediate_size=5632,
        num_hidden_layers=int(layers),
        num_attention_heads=16,
        num_key_value_heads=4,
        vocab_size=320,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    byte_tokenizer(None).save_pretrained(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
