"""A made-up timeline instead of a model: for tests, and for a demo of the page without weights. It decodes nothing, and says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from playground.engines.base import NOT_LOADED, RUN_IS_ON, EngineError, Environment, resident_label
from playground.events import LaneEvent, LaneFailed, LaneLoaded, LaneStatus, RepeatFinished, RepeatStarted, RowText, StepsTaken
from playground.spec import Beam, Greedy, Lane, RunRequest
from playground.trace import Finish, Step

ADAPTER_BYTES = 2_000_000
BUDGET_BYTES = 2_000_000_000
WORDS = ("the", "sky", "looks", "blue", "because", "air", "scatters", "short", "waves", "of", "light", "more", "than", "long", "ones")
SAMPLED = ("the", "sky", "looks", "blue", "since", "tiny", "bits", "of", "air", "send", "blue", "light", "every", "way")
"""What sampled lanes say: they depart from greedy ones, as they do with a model."""


@dataclass(frozen=True, slots=True)
class Script:
    """How one lane behaves. Times in seconds."""

    load_s: float = 0.05
    tokenize_s: float = 0.001
    ttft_s: float = 0.06
    tpot_s: float = 0.03
    post_s: float = 0.001
    memory_bytes: int = 100_000_000
    words: tuple[str, ...] = WORDS
    fails_after: int | None = None
    """Steps until the lane fails; None: it does not."""


DEFAULT_SCRIPTS: Mapping[str, Script] = {
    "fp32": Script(ttft_s=0.085, tpot_s=0.0354, memory_bytes=538_000_000),
    "bf16": Script(ttft_s=0.055, tpot_s=0.039, memory_bytes=269_000_000),
    "fp16": Script(ttft_s=0.060, tpot_s=0.041, memory_bytes=269_000_000),
    "int8": Script(ttft_s=0.136, tpot_s=0.062, memory_bytes=163_000_000),
    "nf4": Script(ttft_s=0.101, tpot_s=0.0268, memory_bytes=110_000_000),
    "fp4": Script(ttft_s=0.101, tpot_s=0.0268, memory_bytes=110_000_000),
}


def script_of(lane: Lane) -> Script:
    """A script by the lane's precision; sampled lanes have words of their own."""
    script = DEFAULT_SCRIPTS[lane.variant.precision]
    return script if isinstance(lane.decoding, Greedy | Beam) else replace(script, words=SAMPLED)


class ScriptedEngine:
    """Plays each lane's script; lanes are interleaved by their own clocks, or one after the other, as the request says.

    `sleep(seconds)` passes the time: `time.sleep` for a demo, a no-op for tests. Own clocks are exact either way.
    `other_bytes`: what other programs are said to hold on the device; None as on a CPU.
    """

    def __init__(
        self,
        script_for: Callable[[Lane], Script] = script_of,
        sleep: Callable[[float], None] = time.sleep,
        other_bytes: int | None = None,
    ) -> None:
        self._script_for, self._sleep, self._other_bytes = script_for, sleep, other_bytes
        self._residents: dict[str, int] = {}
        """What was "loaded", by its label, in bytes."""
        self._runs = 0

    def environment(self) -> Environment:
        return {
            "engine": "scripted",
            "device": "scripted",
            "device_name": "scripted timeline, nothing is measured",
            "threads": 1,
            "versions": {},
            "memory_total_bytes": 2 * BUDGET_BYTES,
            "memory_budget_bytes": BUDGET_BYTES,
            "residents": [{"key": label, "label": label, "memory_bytes": count} for label, count in self._residents.items()],
        } | ({} if self._other_bytes is None else {"memory_other_bytes": self._other_bytes})

    def evict(self, key: str | None) -> None:
        if self._runs:
            raise EngineError(RUN_IS_ON)
        if key is not None and key not in self._residents:
            raise EngineError(NOT_LOADED)
        gone = [label for label in self._residents if key is None or label == key or label.startswith(f"{key} + ")]
        for label in gone:
            del self._residents[label]

    def close(self) -> None:
        pass

    def run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        self._runs += 1
        try:
            yield from self._run(lanes, request, cancel, first)
        finally:
            self._runs -= 1

    def _run(self, lanes: Sequence[int], request: RunRequest, cancel: threading.Event, first: int) -> Iterator[LaneEvent]:
        for index in lanes:
            yield from self._load(index, request)
        wall = _Wall()
        for repeat in range(first, request.measure.warmup + request.measure.repeats):
            if cancel.is_set():
                return
            playing = [_Playing(index, repeat, request, self._script_for(request.lanes[index]), wall) for index in lanes]
            if request.measure.schedule == "exclusive":
                for one in playing:
                    yield from self._race([one], cancel)
            else:
                yield from self._race(playing, cancel)
            lanes = [one.index for one in playing if not one.failed]

    def _load(self, index: int, request: RunRequest) -> Iterator[LaneEvent]:
        script = self._script_for(request.lanes[index])
        yield LaneStatus(index, "loading the script")
        self._sleep(script.load_s)
        variant = request.lanes[index].variant
        label = resident_label(variant, request.model)
        self._residents[label] = script.memory_bytes
        if variant.adapter:
            self._residents[f"{label} + {variant.adapter}"] = ADAPTER_BYTES
        yield LaneLoaded(index, script.load_s, "cold", script.memory_bytes, {"scripted": True})

    def _race(self, playing: list[_Playing], cancel: threading.Event, first: int = 0) -> Iterator[LaneEvent]:
        for one in playing:
            yield one.start()
        running = list(playing)
        while running:
            if cancel.is_set():
                for one in running:
                    yield one.finish("cancelled")
                return
            behind = min(running, key=lambda one: one.clock_s)
            self._sleep(behind.next_s())
            yield behind.step()
            if behind.over:
                if not behind.failed:
                    yield behind.finish("length")
                running.remove(behind)


class _Wall:
    """The wall clock of the script: what all lanes together have used."""

    def __init__(self) -> None:
        self.now_s = 0.0


class _Playing:
    """One repeat of one scripted lane."""

    def __init__(self, index: int, repeat: int, request: RunRequest, script: Script, wall: _Wall) -> None:
        self.index, self.script, self.wall = index, script, wall
        self.repeat, self.warmup = repeat, repeat < request.measure.warmup
        self.rows = request.rows(request.lanes[index])
        self.length = request.measure.max_new_tokens
        self.clock_s, self.began_wall_s = 0.0, 0.0
        self.taken = 0
        self.failed = False

    @property
    def over(self) -> bool:
        return self.failed or self.taken >= self.length

    def start(self) -> RepeatStarted:
        self.began_wall_s = self.wall.now_s
        return RepeatStarted(self.index, self.repeat, self.warmup, tuple(len(row.split()) for row in self.rows), self.script.tokenize_s)

    def next_s(self) -> float:
        return self.script.ttft_s if self.taken == 0 else self.script.tpot_s

    def step(self) -> StepsTaken | LaneFailed:
        if self.taken == self.script.fails_after:
            self.failed = True
            return LaneFailed(self.index, "internal", f"the script fails after {self.taken} steps")
        self.clock_s += self.next_s()
        self.wall.now_s += self.next_s()
        token = self.taken % len(self.script.words)
        self.taken += 1
        step = Step(t_s=self.clock_s, wall_s=self.wall.now_s - self.began_wall_s, token_ids=((token,),) * len(self.rows))
        texts = tuple(RowText(row, self._word(token)) for row in range(len(self.rows)))
        return StepsTaken(self.index, self.repeat, (step,), texts)

    def finish(self, why: Finish) -> RepeatFinished:
        ids = tuple(token % len(self.script.words) for token in range(self.taken))
        rows = len(self.rows)
        text = "".join(self._word(token) for token in ids)
        end_s, end_wall_s = self.clock_s + self.script.post_s, self.wall.now_s - self.began_wall_s + self.script.post_s
        return RepeatFinished(self.index, self.repeat, end_s, end_wall_s, (ids,) * rows, (why,) * rows, (text,) * rows)

    def _word(self, token: int) -> str:
        return self.script.words[token] + " "
