"""A made-up timeline instead of a model: for tests, and for a demo of the page without weights. It decodes nothing, and says so."""

from __future__ import annotations

import hashlib
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from playground.errors import NOT_LOADED, RUN_IS_ON, EngineError
from playground.spec.lane import Lane
from playground.spec.names import random_rank
from playground.spec.request import RunRequest
from playground.timeline.environment import Environment, ResidentFacts
from playground.timeline.events import (
    LaneCompared,
    LaneEvent,
    LaneFailed,
    LaneLoaded,
    LaneStatus,
    RepeatFinished,
    RepeatStarted,
    StepsTaken,
)
from playground.timeline.facts import AdapterFacts, LaneFacts
from playground.timeline.trace import Finish, LoadKind, RowText, Step

ADAPTER_BYTES = 2_000_000
BUDGET_BYTES = 2_000_000_000
ATTACH_S, RESIDENT_S = 0.02, 0.00001
RANK, TARGETS, MODULES = 8, ("q_proj", "v_proj"), 60
"""Of an adapter by name; an untrained one is on every linear layer."""
LINEAR, LINEAR_MODULES = ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"), 210
WORDS = ("the", "sky", "looks", "blue", "because", "air", "scatters", "short", "waves", "of", "light", "more", "than", "long", "ones")
SAMPLED = ("the", "sky", "looks", "blue", "since", "tiny", "bits", "of", "air", "send", "blue", "light", "every", "way")
"""What sampled lanes write: they depart from greedy ones, as they do with a model."""
ROUNDED = (*WORDS[:9], "from", *WORDS[10:])
"""What 4-bit lanes write: another word now and then."""
ADAPTED = ("you", "may", "return", "any", "unused", "item", "within", "30", "days", "of", "delivery", "for", "a", "full", "refund")
"""What rows with a trained adapter write."""


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
    adapted: tuple[str, ...] = ADAPTED
    fails_after: int | None = None
    """Steps until the lane fails; None: it does not."""
    fails_in: int = 0
    """The number of the repeat in which it does."""
    jitter: tuple[float, ...] = (1.0,)
    """Of each repeat in turn, how much slower its steps are."""
    chunks: tuple[int, ...] = (1,)
    """Of each step in turn, how many tokens a row gains in it, as with speculation; a step takes `tpot_s` whatever it brings."""


DEFAULT_SCRIPTS: Mapping[str, Script] = {
    "fp32": Script(ttft_s=0.085, tpot_s=0.0354, memory_bytes=538_000_000),
    "bf16": Script(ttft_s=0.055, tpot_s=0.039, memory_bytes=269_000_000),
    "fp16": Script(ttft_s=0.060, tpot_s=0.041, memory_bytes=269_000_000),
    "int8": Script(ttft_s=0.136, tpot_s=0.062, memory_bytes=163_000_000),
    "nf4": Script(ttft_s=0.101, tpot_s=0.0268, memory_bytes=110_000_000, words=ROUNDED),
    "fp4": Script(ttft_s=0.101, tpot_s=0.0268, memory_bytes=110_000_000, words=ROUNDED),
}


def script_of(lane: Lane) -> Script:
    """A script by the lane's scheme; sampled lanes have words of their own."""
    script = DEFAULT_SCRIPTS.get(lane.variant.weights.scheme, Script())
    return replace(script, words=SAMPLED) if lane.decoding.sampled else script


class ScriptedEngine:
    """Plays each lane's script; lanes are interleaved by their own clocks, or one after the other, as the request says.

    `sleep(seconds)` passes the time: `time.sleep` for a demo, a no-op for tests. Own clocks are exact either way.
    `other_bytes`: what other programs are said to hold on the device; None as on a CPU. `host_budget_bytes`: a host's memory, where bases
    wait that had to make room under `budget_bytes`; None as on a CPU, whose memory the host's is.
    """

    def __init__(
        self,
        script_for: Callable[[Lane], Script] = script_of,
        sleep: Callable[[float], None] = time.sleep,
        other_bytes: int | None = None,
        host_budget_bytes: int | None = None,
        budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        self._script_for, self._sleep, self._other_bytes = script_for, sleep, other_bytes
        self._host_budget_bytes, self._budget_bytes = host_budget_bytes, budget_bytes
        self._residents: dict[str, int] = {}
        """What was "loaded", by its label, in bytes."""
        self._waiting: dict[str, int] = {}
        """The same, of what had to make room and waits in the host's memory."""
        self._copies: dict[str, int] = {}
        """The same, of what was once quantized."""
        self._fresh: set[int] = set()
        """Lanes that were loaded and have not decoded since."""
        self._runs = 0

    def environment(self) -> Environment:
        residents = [ResidentFacts(key=label, label=label, memory_bytes=held) for label, held in self._residents.items()]
        waiting = [ResidentFacts(key=label, label=label, memory_bytes=held, where="host") for label, held in self._waiting.items()]
        found = Environment(
            engine="scripted",
            device="scripted",
            device_name="scripted timeline, nothing is measured",
            threads=1,
            versions={},
            memory_total_bytes=2 * self._budget_bytes,
            memory_budget_bytes=self._budget_bytes,
            residents=(*residents, *waiting),
            copies_bytes=sum(self._copies.values()),
            host_is_device=self._host_budget_bytes is None,
            host_budget_bytes=self._host_budget_bytes or 0,
            host_used_bytes=sum(self._waiting.values()),
        )
        return found if self._other_bytes is None else found | Environment(memory_other_bytes=self._other_bytes)

    def evict(self, key: str | None) -> None:
        if self._runs:
            raise EngineError(RUN_IS_ON)
        if key is not None and key not in self._residents | self._waiting:
            raise EngineError(NOT_LOADED)
        for label in [label for label in self._waiting if key in (None, label)]:
            del self._waiting[label]
        for label in list(self._residents) if key is None else self._with_adapters(key):
            del self._residents[label]

    def _with_adapters(self, label: str) -> list[str]:
        return [one for one in self._residents if one == label or one.startswith(f"{label} + ")]

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
        wall, measure = _Wall(), request.measure
        for repeat in measure.numbers(first):
            if cancel.is_set():
                return
            failed: set[int] = set()
            counted = repeat >= measure.warmup
            if measure.schedule != "interleaved" or not counted:
                order = lanes if not counted or (repeat - measure.warmup) % 2 == 0 else lanes[::-1]
                for index in order:
                    if request.lanes[index].variant.base_label(request.model) not in self._residents:
                        yield from self._load(index, request)
                    one = self._playing(index, repeat, request, wall, alone=counted and measure.schedule == "contended")
                    yield from self._race([one], cancel)
                    failed |= {index} if one.failed else set()
            lanes = [index for index in lanes if index not in failed]
            if counted and measure.schedule != "exclusive" and not cancel.is_set():
                crowd = len(lanes) if measure.schedule == "contended" else 1
                playing = [self._playing(index, repeat, request, wall, crowd=crowd) for index in lanes]
                yield from self._race(playing, cancel)
                lanes = [one.index for one in playing if not one.failed]
        if request.measure.agreement and not cancel.is_set():
            yield from self._compared(lanes, request)

    def _playing(self, index: int, repeat: int, request: RunRequest, wall: _Wall, alone: bool = False, crowd: int = 1) -> _Playing:
        lane = request.lanes[index]
        cold = index in self._fresh
        self._fresh.discard(index)
        return _Playing(index, repeat, request, self._script_for(lane), wall, cold, alone, crowd)

    def _load(self, index: int, request: RunRequest) -> Iterator[LaneEvent]:
        lane = request.lanes[index]
        script = self._script_for(lane)
        yield LaneStatus(index, "loading the script")
        kind = self._base_came_from(lane, request, script)
        if not lane.variant.merged:
            label, named = lane.variant.base_label(request.model), dict.fromkeys(filter(None, lane.variant.adapters))
            absent = [one for name in named if (one := f"{label} + {name}") not in self._residents]
            kind = "attached" if kind == "resident" and absent else kind
            self._residents |= dict.fromkeys(absent, ADAPTER_BYTES)
        load_s = {"cold": script.load_s, "prequantized": 0.4 * script.load_s, "attached": ATTACH_S, "resident": RESIDENT_S}.get(
            kind, ATTACH_S
        )
        self._sleep(load_s)
        adapters = _adapter_facts(lane)
        held = script.memory_bytes + (0 if lane.variant.merged else ADAPTER_BYTES * len(adapters))
        if kind != "resident":
            self._fresh.add(index)
        facts = LaneFacts(scripted=True, merged=lane.variant.merged, adapters=adapters)
        yield LaneLoaded(index, load_s, kind, held, facts)

    def _base_came_from(self, lane: Lane, request: RunRequest, script: Script) -> LoadKind:
        """Where the base was; it is resident after this. A merged one is a base of its own."""
        label = lane.variant.base_label(request.model)
        base = lane.variant.model_copy(update={"merged": False}).base_label(request.model)
        if label in self._residents:
            return "resident"
        self._make_room(script.memory_bytes)
        kind: LoadKind = "host" if self._waiting.pop(label, None) else "prequantized" if base in self._copies else "cold"
        self._residents[label] = script.memory_bytes
        if lane.variant.weights.quantized:
            self._copies[base] = script.memory_bytes
        return kind

    def _make_room(self, memory_bytes: int) -> None:
        """Those that came first go first, into the host's memory if there is one."""
        while self._residents and sum(self._residents.values()) + memory_bytes > self._budget_bytes:
            oldest = next(iter(self._residents))
            if self._host_budget_bytes is not None:
                self._waiting[oldest] = self._residents[oldest]
            for label in self._with_adapters(oldest):
                del self._residents[label]

    def _compared(self, lanes: Sequence[int], request: RunRequest) -> Iterator[LaneEvent]:
        """As if every lane would find likeliest what it wrote: the share of places with the baseline's words."""
        if request.baseline not in lanes:
            return
        length, spoken = (
            request.measure.max_new_tokens,
            {index: _words(request.lanes[index], self._script_for(request.lanes[index])) for index in lanes},
        )
        for index in lanes:
            pairs = zip(spoken[index], spoken[request.baseline], strict=False)
            same = [mine[at % len(mine)] == other[at % len(other)] for mine, other in pairs for at in range(length)]
            yield LaneCompared(index, sum(same) / len(same), len(same))

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


def _words(lane: Lane, script: Script) -> list[tuple[str, ...]]:
    """What each row says."""
    return [script.adapted if name and random_rank(name) is None else script.words for name in lane.adapters]


def _adapter_facts(lane: Lane) -> tuple[AdapterFacts, ...]:
    """As a real engine reads them back from the loaded model."""
    facts = []
    for name in dict.fromkeys(filter(None, lane.adapters)):
        rank, rows = random_rank(name), tuple(row for row, one in enumerate(lane.adapters) if one == name)
        sha256 = hashlib.sha256(name.encode()).hexdigest() if rank is None else None
        targets, modules = (TARGETS, MODULES) if rank is None else (LINEAR, LINEAR_MODULES)
        facts.append(AdapterFacts(name=name, rank=rank or RANK, targets=targets, modules=modules, sha256=sha256, rows=rows))
    return tuple(facts)


class _Wall:
    """The wall clock of the script: what all lanes together have used."""

    def __init__(self) -> None:
        self.now_s = 0.0


class _Playing:
    """One repeat of one scripted lane. `crowd`: how many lanes share the device at once; each is so many times slower."""

    def __init__(
        self, index: int, repeat: int, request: RunRequest, script: Script, wall: _Wall, cold: bool, alone: bool, crowd: int
    ) -> None:
        self.index, self.script, self.wall = index, script, wall
        self.cold, self.alone, self.crowd = cold, alone, crowd
        self.tokenize_s = script.tokenize_s * crowd
        self.repeat, self.warmup = repeat, repeat < request.measure.warmup
        self.rows = request.rows(request.lanes[index])
        self.words = _words(request.lanes[index], script)
        self.length = request.measure.max_new_tokens
        self.clock_s, self.began_wall_s = 0.0, 0.0
        self.steps = self.tokens = 0
        self.failed = False

    @property
    def over(self) -> bool:
        return self.failed or self.tokens >= self.length

    def start(self) -> RepeatStarted:
        self.began_wall_s = self.wall.now_s
        prompt_tokens = tuple(len(row.split()) for row in self.rows)
        return RepeatStarted(self.index, self.repeat, self.warmup, prompt_tokens, self.tokenize_s, self.cold, self.alone)

    def next_s(self) -> float:
        jitter = self.script.jitter[self.repeat % len(self.script.jitter)]
        return self.crowd * jitter * (self.script.ttft_s if self.steps == 0 else self.script.tpot_s)

    def step(self) -> StepsTaken | LaneFailed:
        if self.steps == self.script.fails_after and self.repeat >= self.script.fails_in:
            self.failed = True
            return LaneFailed(self.index, "internal", f"the script fails after {self.steps} steps")
        self.clock_s += self.next_s()
        self.wall.now_s += self.next_s() / self.crowd  # at once, not in turns
        places = range(self.tokens, min(self.length, self.tokens + self.script.chunks[self.steps % len(self.script.chunks)]))
        self.steps, self.tokens = self.steps + 1, places.stop
        words = {row: [self._word(row, place) for place in places] for row in range(len(self.rows))}
        ids = {row: tuple(map(_token, gained)) for row, gained in words.items()}
        step = Step(t_s=self.clock_s, wall_s=self.wall.now_s - self.began_wall_s, token_ids=ids)
        texts = tuple(RowText(row, "".join(gained)) for row, gained in words.items())
        return StepsTaken(self.index, self.repeat, (step,), texts)

    def finish(self, why: Finish) -> RepeatFinished:
        rows = [[self._word(row, place) for place in range(self.tokens)] for row in range(len(self.rows))]
        ids, texts = tuple(tuple(map(_token, row)) for row in rows), tuple(map("".join, rows))
        end_s, end_wall_s = self.clock_s + self.script.post_s, self.wall.now_s - self.began_wall_s + self.script.post_s
        return RepeatFinished(self.index, self.repeat, end_s, end_wall_s, ids, (why,) * len(rows), texts)

    def _word(self, row: int, place: int) -> str:
        words = self.words[row]
        return words[place % len(words)] + " "


def _token(word: str) -> int:
    """The same for the same word, in every lane."""
    return zlib.crc32(word.encode()) % 50_000
