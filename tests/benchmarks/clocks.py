"""The child of `clock`: a lane's repeat with its trace, and bare `generate` timed from outside, on the same loaded model and thread."""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playground.spec.lane import Lane
from playground.spec.measure import Measure
from playground.timeline.events import RepeatFinished
from playground.worker.device import Device
from playground.worker.loading import BaseSpec, load_base, quiet_libraries
from playground.worker.prequantized import Copies
from playground.worker.prompts import Encoder, Prompts
from playground.worker.repeat import LaneRepeat, PreparedLane, RepeatNote, RepeatPlan
from tests.benchmarks.setup import PROMPT


class Both:
    """The two ways, on the model of one lane after the other."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder, self._copies, self._device = folder, Copies(cache), Device("cpu")
        self._device.enter_thread()
        self._encoder = Encoder(folder)
        self._spec: BaseSpec | None = None
        self._base: Any = None

    def on_device(self, text: str, tokens: int) -> PreparedLane:
        lane = Lane.parse(text)
        spec = BaseSpec.of("clock", lane.variant)
        if spec != self._spec:
            self._base = None
            gc.collect()
            self._base, self._spec = load_base(self._folder, spec, self._device, self._copies, lambda _text: None), spec
        prompts, measure = Prompts((PROMPT,) * lane.batch, None, True), Measure(max_new_tokens=tokens, warmup=0)
        counts = self._encoder.check(prompts, None, tokens)
        return PreparedLane(0, lane, self._base.model, self._encoder, prompts, counts, measure, self._base.memory_bytes)

    def trace(self, lane: PreparedLane) -> dict[str, Any]:
        told: list[RepeatNote] = []
        LaneRepeat(lane, RepeatPlan(0), self._device, told.append, lambda: False).run(lambda: False)
        ended = told[-1]
        assert isinstance(ended, RepeatFinished)
        return {"trace_s": ended.end_s, "trace_ids": [list(row) for row in ended.output_ids]}

    def bare(self, lane: PreparedLane) -> dict[str, Any]:
        tokenizer, model, how = lane.encoder.tokenizer, lane.model, lane.lane.decoding.generate_arguments()
        fixed = {"max_new_tokens": lane.measure.max_new_tokens, "eos_token_id": None, "pad_token_id": tokenizer.pad_token_id}
        began = time.perf_counter()
        asked = [[{"role": "user", "content": row}] for row in lane.prompts.rows]
        inputs = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True, padding=True)
        output = model.generate(**inputs, **how, **fixed)
        ids = output[:, inputs["input_ids"].shape[1] :]
        tokenizer.batch_decode(ids, skip_special_tokens=True)
        return {"bare_s": time.perf_counter() - began, "bare_ids": ids.tolist()}


def main(folder: Path) -> None:
    quiet_libraries()
    with tempfile.TemporaryDirectory() as cache:
        both = Both(folder, Path(cache))
        for line in sys.stdin:
            asked = json.loads(line)
            lane = both.on_device(asked["lane"], asked["tokens"])
            ways = [both.trace, both.bare] if asked["first"] == "trace" else [both.bare, both.trace]
            sys.stdout.write(json.dumps({key: value for way in ways for key, value in way(lane).items()}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
