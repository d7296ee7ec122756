"""Variants beyond a bare base: merged, several adapters by row, untrained ones; waiting in the host's memory; many swaps."""

from __future__ import annotations

import gc
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from playground.spec.lane import Lane
from playground.timeline.events import LaneEvent, LaneLoaded, LaneStatus, RepeatFinished
from playground.worker.adapters import Adapter, attach, load_adapter
from playground.worker.device import Device
from playground.worker.host_memory import HostCopy
from playground.worker.loading import Base, BaseSpec, load_base
from playground.worker.pool import Pool
from playground.worker.prequantized import Copies
from playground.worker.probe import OwnClock
from playground.worker.process import Worker
from playground.worker.schedule import race
from playground.worker.trees import tensors_of
from tests.tiny_models import random_llama, random_lora
from tests.worker.conftest import Ran, request_for, run_lanes

IDS = torch.tensor([[5, 9, 100, 200, 17, 30]])
CPU = Device("cpu")
EVERY = ["fp32", "bf16", "fp16", "int8", "nf4", "fp4", "nf4[double_quant=true]", "nf4[compute=fp32]"]
MB = 1_000_000


def base_of(folder: Path, text: str, cache: Path, merging: Adapter | None = None) -> tuple[Base, BaseSpec]:
    spec = BaseSpec.of("m", Lane.parse(text).variant, merging.key if merging else None)
    return load_base(folder, spec, CPU, Copies(cache), lambda text: None, merging), spec


def kinds(ran: Ran) -> list[tuple[int, str]]:
    return [(event.lane, event.load_kind) for event in ran.events if isinstance(event, LaneLoaded)]


# ---- merged ----


def test_merged_and_attached_agree_in_fp32(mid: Path, mid_lora: Path, tmp_path: Path) -> None:
    adapter = Adapter.of("a", str(mid_lora))
    base, spec = base_of(mid, "fp32", tmp_path)
    attached = attach(base.model, [load_adapter(base.model, adapter, spec.dtype, CPU)]).model(IDS).logits
    bare = base.model(IDS).logits
    merged, _ = base_of(mid, "fp32", tmp_path, adapter)
    assert (merged.model(IDS).logits - attached).abs().max() <= 1e-4
    assert (bare - attached).abs().max() > 1


@pytest.mark.parametrize("precision", ["bf16", "fp16", "int8", "nf4", "fp4[double_quant=true]"])
def test_a_merged_variant_is_what_its_label_says(precision: str, worker: Worker, mid: Path, mid_lora: Path) -> None:
    lanes = [precision, f"{precision}+a", f"{precision}+a.merged"]
    ran = run_lanes(worker, request_for(mid, lanes, adapters={"a": mid_lora}, max_new_tokens=4, agreement=True))
    bare, merged = ran[0], ran[2]
    assert merged.error is None
    assert merged.facts.merged is True
    assert merged.facts.adapters[0].rank == 4
    assert (merged.facts.quantized_modules, merged.facts.dtype) == (bare.facts.quantized_modules, bare.facts.dtype)
    assert merged.weights_bytes == pytest.approx(bare.weights_bytes, rel=0.001), "nothing of the adapter is left beside the weights"
    assert ran.ids(0) != ran.ids(1)
    assert ran.ids(0) != ran.ids(2)
    worker.evict()
    once_more = run_lanes(worker, request_for(mid, [f"{precision}+a.merged"], adapters={"a": mid_lora}, max_new_tokens=4))
    assert once_more.ids(0) == ran.ids(2)
    assert once_more[0].load_kind == ("cold" if precision in ("bf16", "fp16") else "prequantized")
    assert once_more[0].facts.adapters == merged.facts.adapters
    again = run_lanes(worker, request_for(mid, [precision], max_new_tokens=4))
    assert again.ids(0) == ran.ids(0), "merging wrote into a copy of its own"


def test_a_merged_adapter_that_does_not_fit_harms_nothing(worker: Worker, tiny: Path, tmp_path: Path) -> None:
    wide = random_lora(random_llama(tmp_path / "wide", hidden=128), tmp_path / "lora")
    ran = run_lanes(worker, request_for(tiny, ["fp32", "fp32+a.merged", "fp32+a|none@2"], adapters={"a": wide}))
    assert ran[0].error is None
    for lane in (1, 2):
        assert str(ran[lane].error).startswith("adapter 'a' does not fit the model")
        assert ran[lane].error_kind == "adapter"
    assert [one.label for one in worker.environment().residents] == ["m fp32"]


# ---- by row, untrained ----


# With int8's outlier threshold a batch's rows share what counts as an outlier column, adapters or not.
@pytest.mark.parametrize("precision", ["fp32", "int8[threshold=0.0]", "nf4"])
def test_each_row_of_a_batch_has_its_own_adapter(precision: str, worker: Worker, tiny: Path, tmp_path: Path) -> None:
    adapters = {name: random_lora(tiny, tmp_path / name, seed=seed) for name, seed in (("a", 3), ("b", 4))}
    lanes = [
        f"{precision}+a@4",
        f"{precision}@4",
        f"{precision}+b@4",
        f"{precision}+a|none|b|a@4",
        f"{precision}+a|none|b|a/beam(num_beams=2)@4",
    ]
    ran = run_lanes(worker, request_for(tiny, lanes, adapters=adapters))
    rows = ran.ids(3)
    assert rows == (ran.ids(0)[0], ran.ids(1)[1], ran.ids(2)[2], ran.ids(0)[3])
    assert len({*rows}) == 3
    assert [one.rows for one in ran[3].facts.adapters] == [(0, 3), (2,)]
    beams = ran.ids(4)
    assert beams[0] == beams[3] != beams[1] != beams[2]


def test_an_untrained_adapter_changes_no_output_and_has_the_rank_of_its_name(worker: Worker, tiny: Path) -> None:
    ran = run_lanes(worker, request_for(tiny, ["bf16", "bf16+random-r3", "bf16+random-r200", "bf16+random-r3.merged", "nf4+random-r3"]))
    assert ran.ids(0) == ran.ids(1) == ran.ids(2) == ran.ids(3)
    assert [ran[lane].facts.adapters[0].rank for lane in (1, 2, 3, 4)] == [3, 200, 3, 3]
    assert ran[1].facts.adapters[0].modules == 14
    assert ran[1].weights_bytes is not None
    assert ran[2].weights_bytes is not None
    assert ran[0].weights_bytes is not None
    assert (ran[2].weights_bytes - ran[0].weights_bytes) * 3 == (ran[1].weights_bytes - ran[0].weights_bytes) * 200


def test_adapters_are_exchanged_without_reloading_the_base(worker: Worker, tiny: Path, tmp_path: Path) -> None:
    adapters = {name: random_lora(tiny, tmp_path / name, seed=seed) for name, seed in (("a", 3), ("b", 4))}
    lanes = ["nf4", "nf4+a", "nf4+b", "nf4+a|b@2", "nf4+a", "nf4"]
    assert [kind for _, kind in kinds(run_lanes(worker, request_for(tiny, lanes, adapters=adapters)))] == [
        "cold", "attached", "attached", "attached", "resident", "resident",
    ]  # fmt: skip


# ---- sharing a base ----


class Forwards:
    """A racer that does nothing but forward passes, giving its turn away after each."""

    def __init__(self, model: PreTrainedModel, ids: torch.Tensor) -> None:
        self._model, self._ids, self._now_s = model, ids, 0.0
        self.clock = OwnClock(lambda: self._now_s)
        self.logits: list[torch.Tensor] = []

    def run(self, give_turn: Callable[[], bool]) -> None:
        for _ in range(4):
            self.logits.append(self._model(self._ids).logits)
            self._now_s += 1.0  # more than any quantum: the turn goes at once
            give_turn()


@pytest.mark.parametrize("precision", ["bf16", "int8", "nf4"])
def test_lanes_that_share_a_base_and_take_turns_leave_each_others_logits(precision: str, mid: Path, mid_lora: Path, tmp_path: Path) -> None:
    base, spec = base_of(mid, precision, tmp_path)
    bare = base.model(IDS).logits
    first, second = (load_adapter(base.model, Adapter.of("a", str(mid_lora)), spec.dtype, CPU) for _ in range(2))
    on_top = attach(base.model, [first])
    alone = on_top.model(IDS).logits
    mixed = attach(base.model, [second, None])
    by_row = mixed.model(IDS.repeat(2, 1)).logits
    racers = [Forwards(base.model, IDS), Forwards(on_top.model, IDS), Forwards(mixed.model, IDS.repeat(2, 1)), Forwards(base.model, IDS)]
    race(racers, CPU, quantum_s=0.1)
    for racer, expected in zip(racers, (bare, alone, by_row, bare), strict=True):
        assert len(racer.logits) == 4
        assert all(torch.equal(logits, expected) for logits in racer.logits)


# ---- waiting in the host's memory ----


@pytest.mark.parametrize("precision", EVERY)
def test_what_was_parked_comes_back_as_it_left(precision: str, mid: Path, mid_lora: Path, tmp_path: Path) -> None:
    base, spec = base_of(mid, precision, tmp_path)
    loaded = load_adapter(base.model, Adapter.of("a", str(mid_lora)), spec.dtype, CPU)
    view = attach(base.model, [loaded]).model
    before = base.model(IDS).logits, view(IDS).logits
    places = storages(view)
    parked = HostCopy([*tensors_of(base.model), *loaded.parameters.values()], CPU)
    assert parked.memory_bytes == pytest.approx(base.memory_bytes + loaded.memory_bytes, rel=0.01)
    assert not places & storages(view), "something stayed on the device"
    parked.bring_back()
    assert parked.memory_bytes == 0
    assert torch.equal(base.model(IDS).logits, before[0])
    assert torch.equal(view(IDS).logits, before[1])


def storages(model: PreTrainedModel) -> set[int]:
    return {tensor.untyped_storage().data_ptr() for tensor in tensors_of(model) if tensor.numel()}


def with_host(worker: Worker, cache: Path, budget_bytes: float, host_budget_bytes: float) -> Worker:
    """The worker as if its device had a memory of its own, apart from the host's."""
    worker.pool = Pool(worker.device, Copies(cache), int(budget_bytes), int(host_budget_bytes))
    return worker


def test_an_evicted_variant_waits_in_the_hosts_memory_and_comes_back(worker: Worker, mid: Path, mid_lora: Path, tmp_path: Path) -> None:
    with_host(worker, tmp_path, 5.4 * MB, 11 * MB)
    request = request_for(mid, ["bf16+a", "int8", "bf16+a", "nf4", "int8"], adapters={"a": mid_lora}, max_new_tokens=3)
    ran = run_lanes(worker, request)
    assert kinds(ran) == [(0, "cold"), (1, "cold"), (2, "host"), (3, "cold"), (4, "host")]
    assert ran.ids(0) == ran.ids(2)
    places = {one.label: one.where for one in worker.environment().residents}
    assert places["m bf16"] == places["m bf16 + a"] == "host"
    assert (worker.environment().host_used_bytes or 0) > 4.8 * MB
    waiting = next(one.key for one in worker.environment().residents if one.label == "m bf16")
    worker.evict(waiting)
    assert "m bf16" not in {one.label for one in worker.environment().residents}
    assert worker.environment().host_used_bytes == 0


def test_what_the_host_has_no_room_for_is_dropped(worker: Worker, mid: Path, tmp_path: Path) -> None:
    with_host(worker, tmp_path, 5.4 * MB, 3.6 * MB)
    ran = run_lanes(worker, request_for(mid, ["bf16", "int8", "bf16", "int8"], max_new_tokens=2))
    assert kinds(ran) == [(0, "cold"), (1, "cold"), (2, "cold"), (3, "host")]


def test_on_a_cpu_nothing_waits_and_it_is_said(tiny: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", host_budget_bytes=10**12)
    environment = worker.environment()
    worker.close()
    assert (environment.host_is_device, environment.host_budget_bytes) == (True, 0)


# ---- agreement ----


def test_agreement_is_whole_with_oneself_and_less_with_another_model(worker: Worker, mid: Path, mid_lora: Path) -> None:
    lanes = ["fp32", "fp32/top_p(p=0.9)@2", "fp32+a", "nf4", "fp32+none|a@2"]
    ran = run_lanes(worker, request_for(mid, lanes, adapters={"a": mid_lora}, agreement=True, prompts=["Why?"]))
    found = [lane.agreement for lane in ran.view.lanes]
    assert [one.places if one else None for one in found] == [12, 24, 12, 12, 24]
    top1 = [one.top1 if one else None for one in found]
    assert top1[0] == top1[1] == 1.0
    assert top1[2] is not None
    assert top1[2] < 0.9
    assert top1[4] == (1 + top1[2]) / 2


@pytest.mark.parametrize("schedule", ["exclusive", "interleaved"])
def test_agreement_is_with_the_baseline_wherever_it_stands(worker: Worker, tiny: Path, tiny_lora: Path, schedule: str) -> None:
    lanes = ["fp32+a", "fp32@2", "fp32"]
    ran = run_lanes(
        worker,
        request_for(
            tiny, lanes, adapters={"a": tiny_lora}, agreement=True, baseline=2, schedule=schedule, prompts=["Why?", "How?"], repeats=2
        ),
    )
    assert [lane.agreement.top1 == 1.0 if lane.agreement else None for lane in ran.view.lanes] == [False, True, True]
    assert ran[1].agreement is not None
    assert ran[1].agreement.places == 12, "only the prompt that the baseline was asked"


def test_without_a_baseline_nothing_is_compared_and_nothing_fails(worker: Worker, tiny: Path, tmp_path: Path) -> None:
    ran = run_lanes(worker, request_for(tiny, ["fp32+a", "fp32"], adapters={"a": tmp_path}, agreement=True))
    assert ran[0].error is not None
    assert ran[1].error is None
    assert ran[1].agreement is None


def test_what_goes_wrong_while_comparing_costs_no_figures(tiny: Path, tmp_path: Path) -> None:
    """Room for one lane only, so the first is loaded again to be compared; by then its adapter is gone."""
    adapters = {name: random_lora(tiny, tmp_path / name) for name in ("a", "b")}
    worker = Worker(tmp_path / "cache", "cpu", budget_bytes=MB // 2)

    def forget(event: LaneEvent) -> None:
        if isinstance(event, RepeatFinished) and event.lane == 0:
            shutil.rmtree(adapters["a"])

    request = request_for(tiny, ["fp32+a", "bf16+b"], adapters=adapters, agreement=True, max_new_tokens=100)
    ran = run_lanes(worker, request, on_event=forget)
    told = [event.text for event in ran.events if isinstance(event, LaneStatus) and event.lane == 0]
    worker.close()
    assert told[-1].startswith("outputs not compared: adapter 'a'")
    assert [lane.error for lane in ran.view.lanes] == [None, None]
    assert [len(ran.ids(lane)[0]) for lane in (0, 1)] == [100, 100]
    assert [lane.agreement for lane in ran.view.lanes] == [None, None]


# ---- many swaps ----


def test_fifty_random_swaps_among_twelve_variants_in_room_for_four(mid: Path, mid_lora: Path, tmp_path: Path) -> None:
    adapters = {"a": mid_lora}
    lanes = [
        "fp32",
        "bf16",
        "fp16",
        "int8",
        "nf4",
        "fp4",
        "bf16+a",
        "int8+a",
        "nf4+a",
        "bf16+a.merged",
        "nf4+a.merged",
        "int8[threshold=0.0]",
    ]
    fresh = {}
    sizes = []
    for lane in lanes:
        worker = Worker(tmp_path / "fresh", "cpu")
        ran = run_lanes(worker, request_for(mid, [lane], adapters=adapters, max_new_tokens=6))
        fresh[lane] = ran.ids(0)
        sizes.append(worker.environment().memory_used_bytes or 0)
        worker.close()
    chosen = random.Random(4)
    worker = Worker(tmp_path / "cache", "cpu", budget_bytes=4 * sum(sizes) // len(sizes))
    seen: list[str] = []
    for _ in range(50):
        lane = chosen.choice(lanes)
        ran = run_lanes(worker, request_for(mid, [lane], adapters=adapters, max_new_tokens=6))
        assert ran.ids(0) == fresh[lane], lane
        environment = worker.environment()
        assert (environment.memory_used_bytes or 0) <= (environment.memory_budget_bytes or 0)
        seen.append(str(ran[0].load_kind))
    worker.evict()
    assert worker.environment().memory_used_bytes == 0
    worker.close()
    assert {"cold", "prequantized", "attached", "resident"} <= set(seen)
    gc.collect()
    held = [thing for thing in gc.get_objects() if type(thing) in (torch.Tensor, torch.nn.Parameter) and thing.shape == (256, 512)]
    assert not held, "a matrix of an evicted variant is still held"


def test_a_budget_below_the_smallest_variant_is_one_sentence(mid: Path, tmp_path: Path) -> None:
    worker = Worker(tmp_path, "cpu", budget_bytes=MB // 2)
    ran = run_lanes(worker, request_for(mid, ["nf4"]))
    worker.close()
    assert str(ran[0].error).endswith("the memory budget is 0.5 MB; no precision of this model fits")
    assert not [event for event in ran.events if isinstance(event, LaneStatus) and "quantizing" in event.text]
