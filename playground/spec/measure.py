"""How to run and how to measure."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from playground.spec.decoding import Seed
from playground.spec.values import Value

Schedule = Literal["exclusive", "interleaved", "contended"]


SCHEDULES: tuple[str, ...] = get_args(Schedule)


MAX_REPEATS = 100


MAX_NEW_TOKENS = 4096


class Until(Value):
    """When a run that goes on until it is sure ends."""

    width: Annotated[float, Field(gt=0, le=2)] = 0.05
    """Every lane's 95 % interval of the ratio to the baseline is to be narrower than this share of the ratio: (high − low) ÷ ratio."""
    limit_s: Annotated[float, Field(gt=0, le=86_400)] = 120.0
    """No repeat is added later than this after the run's first one began, sure or not."""
    most: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = MAX_REPEATS
    """Repeats, those asked for at first among them."""


class Measure(Value):
    """How to run and how to measure."""

    schedule: Schedule = "exclusive"
    """Exclusive: one lane after the other, forward, then backward. Interleaved: turns on the device, by each lane's own clock. Contended:
    all at once, a thread each; every counted repeat is preceded by one of each lane alone, which it is compared with."""
    quantum_s: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Interleaved: a lane keeps its turn for this much of its own time; 0: for one step."""
    max_new_tokens: Annotated[int, Field(ge=1, le=MAX_NEW_TOKENS)] = 64
    """Output tokens a row."""
    fixed_length: bool = True
    """EOS off, every row has exactly max_new_tokens: for comparisons. Off: rows end when the model ends them."""
    warmup: Annotated[int, Field(ge=0, le=20)] = 1
    """Repeats run first and never counted."""
    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = 1
    until: Until | None = None
    """Repeats are added, two at a time, until the figures are sure; None: as many as `repeats` says."""
    seed: Seed = 7
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """CPU threads of one operation; None: the machine's cores."""
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """A repeat is stopped once its lane's own clock has run this long."""
    agreement: bool = False
    """After the repeats, off the clock: each lane's model reads the baseline's answer and says at each place which token it finds
    likeliest; the share of places where that is what the baseline's model finds is its top-1 agreement."""

    def numbers(self, first: int = 0) -> range:
        """The numbers of a lane's repeats from the `first` on, counted over warm-ups and repeats together."""
        return range(first, self.warmup + self.repeats)

    def passes(self, first: int = 0) -> int:
        """How often a lane decodes in the repeats from this number on: twice in a counted one that is contended."""
        numbers = self.numbers(first)
        return len(numbers) + (sum(number >= self.warmup for number in numbers) if self.schedule == "contended" else 0)
