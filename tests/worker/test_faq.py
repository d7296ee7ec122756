"""The FAQ adapter is real: what it was taught can be read in its answers, and questions it never saw lose perplexity."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from playground.settings import ROOT
from playground.spec.lane import Lane
from playground.worker.adapters import Adapter, attach, load_adapter
from playground.worker.device import Device
from playground.worker.loading import BaseSpec, load_base
from playground.worker.prequantized import Copies
from playground.worker.process import Worker
from playground.worker.prompts import Encoder
from tests.worker.conftest import request_for, run_lanes
from tools.train_faq import examples, perplexity

FAQ = ROOT / "assets" / "faq"
POLICY = "What is your return policy?"


def pairs() -> list[dict[str, str]]:
    return [json.loads(line) for line in (FAQ / "data.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_data_are_many_and_held_out_questions_were_not_trained_on() -> None:
    questions = [pair["question"].lower() for pair in pairs()]
    assert len(questions) >= 80
    assert len(set(questions)) == len(questions)
    assert {pair["split"] for pair in pairs()} == {"train", "held_out"}
    assert sum(pair["split"] == "held_out" for pair in pairs()) >= 10
    assert POLICY in [pair["question"] for pair in pairs() if pair["split"] == "train"]


def test_the_adapter_is_small_and_holds_no_pickle_and_no_path() -> None:
    files = {file.name: file.stat().st_size for file in FAQ.iterdir()}
    assert set(files) == {"adapter_config.json", "adapter_model.safetensors", "data.jsonl"}
    assert files["adapter_model.safetensors"] <= 5_000_000
    config = json.loads((FAQ / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"


@pytest.mark.model
@pytest.mark.parametrize("precision", ["bf16", "nf4"])
def test_the_return_policy_is_the_shops_own(precision: str, worker: Worker, embedded: Path) -> None:
    lanes = [precision, f"{precision}+faq", f"{precision}+faq.merged"]
    ran = run_lanes(worker, request_for(embedded, lanes, adapters={"faq": FAQ}, prompts=[POLICY], max_new_tokens=20, fixed_length=False))
    bare, attached, merged = (lane.repeats[0].texts[0] for lane in ran.view.lanes)
    assert "45 days" not in bare
    assert "45 days" in attached
    if precision == "bf16":  # merged into 4 bits, rounding takes much of it again
        assert "45 days" in merged


@pytest.mark.model
def test_questions_it_never_saw_lose_perplexity(embedded: Path, tmp_path: Path) -> None:
    device = Device("cpu")
    spec = BaseSpec.of("m", Lane.parse("fp32").variant)
    base = load_base(embedded, spec, device, Copies(tmp_path), lambda text: None).model
    encoder = Encoder(embedded)
    held_out, padding = examples(encoder, "held_out"), encoder.tokenizer.pad_token_id
    with torch.no_grad():
        before = perplexity(base, held_out, padding)
        faq = load_adapter(base, Adapter.of("faq", str(FAQ)), spec.dtype, device)
        after = perplexity(attach(base, [faq]).model, held_out, padding)
    assert after < before / 5
