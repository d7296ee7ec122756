"""How to run and how to measure."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from playground.spec.decoding import Seed
from playground.spec.knobs import Choice, Knob, Line
from playground.spec.values import Value

Schedule = Literal["exclusive", "interleaved", "contended"]


SCHEDULES: tuple[str, ...] = get_args(Schedule)


MAX_REPEATS = 100


MAX_NEW_TOKENS = 4096


class Until(Value):
    """When a run that goes on until it is sure ends."""

    width: Annotated[
        float,
        Field(gt=0, le=2),
        Knob(
            "Until sure",
            "Adds repeats until each lane's 95 % interval of the ratio to the baseline is narrower than this.",
            label="Until interval < %; 0: off",
            name="until_percent",
            option="--until",
            default="none are added",
            unit="%",
            scale=100,
            zero=True,
            place="more",
            line=Line("until the interval is within {} %"),
        ),
    ] = 0.05
    """Every lane's 95 % interval of the ratio to the baseline is to be narrower than this share of the ratio: (high − low) ÷ ratio."""
    limit_s: Annotated[
        float,
        Field(gt=0, le=86_400),
        Knob(
            "At most",
            "With --until: no repeat is added after so many seconds.",
            label="At most, s",
            option="--time-limit",
            unit="s",
            place="more",
            line=Line(""),
        ),
    ] = 120.0
    """No repeat is added later than this after the run's first one began, sure or not."""
    most: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = MAX_REPEATS
    """Repeats, those asked for at first among them."""


class Measure(Value):
    """How to run and how to measure."""

    max_new_tokens: Annotated[
        int, Field(ge=1, le=MAX_NEW_TOKENS), Knob("New tokens", "Output tokens a row.", place="top", in_script=True, line=Line(""))
    ] = 64
    """Output tokens a row."""
    schedule: Annotated[
        Schedule,
        Knob(
            "Schedule",
            "One lane after the other, turns by each lane's own clock, or all at once.",
            default="exclusive, unless the preset names one",
            choices=tuple(Choice(name.capitalize(), name, name) for name in reversed(SCHEDULES)),
            page_default="interleaved",
            line=Line("{}"),
        ),
    ] = "exclusive"
    """Exclusive: one lane after the other, forward, then backward. Interleaved: turns on the device, by each lane's own clock. Contended:
    all at once, a thread each; every counted repeat is preceded by one of each lane alone, which it is compared with."""
    fixed_length: Annotated[
        bool,
        Knob(
            "Length",
            "Every row has exactly N tokens, or ends when the model ends it.",
            name="length",
            option="--fixed-length/--free-length",
            choices=(Choice("Fixed", "fixed", True), Choice("Free, ends when the model ends", "free", False)),
            in_script=True,
            line=Line("{} length"),
        ),
    ] = True
    """EOS off, every row has exactly max_new_tokens: for comparisons. Off: rows end when the model ends them."""
    warmup: Annotated[
        int, Field(ge=0, le=20), Knob("Warm-ups", "Repeats run first and never counted.", in_script=True, line=Line("{} warm-up{s}"))
    ] = 1
    """Repeats run first and never counted."""
    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS), Knob("Repeats", "Repeats that count.", line=Line("{} repeat{s}"))] = 1
    seed: Annotated[Seed, Knob("Seed", "Of lanes that sample.", in_script=True, line=Line("seed {}"))] = 7
    threads: Annotated[
        Annotated[int, Field(ge=1, le=1024)] | None,
        Knob(
            "Threads",
            "CPU threads of one operation.",
            label="Threads, 0: all",
            default="the machine's cores",
            zero=True,
            in_script=True,
            line=Line("{} thread{s}", zero="all threads"),
        ),
    ] = None
    """CPU threads of one operation; None: the machine's cores."""
    quantum_s: Annotated[
        float,
        Field(ge=0, le=10),
        Knob(
            "Turn",
            "Interleaved: a lane keeps its turn for so long; 0: one step.",
            label="Turn of a lane, ms",
            name="quantum_ms",
            unit="ms",
            scale=1e3,
            place="more",
            line=Line("turns of {} ms", always=False, only=("schedule", "interleaved")),
        ),
    ] = 0.1
    """Interleaved: a lane keeps its turn for this much of its own time; 0: for one step."""
    until: Until | None = None
    """Repeats are added, two at a time, until the figures are sure; None: as many as `repeats` says."""
    agreement: Annotated[
        bool,
        Knob(
            "Compare outputs",
            "After the repeats, each lane's model reads the baseline's answer, and it is counted how often both find the same next "
            "token likeliest.",
            info="After the repeats, off the clock, each lane’s model reads the baseline’s answer, and it is counted how often both "
            "find the same next token likeliest.",
            option="--agreement/--no-agreement",
            default="not, unless the preset says so",
            place="more",
            line=Line("outputs compared", always=False),
        ),
    ] = False
    """After the repeats, off the clock: each lane's model reads the baseline's answer and says at each place which token it finds
    likeliest; the share of places where that is what the baseline's model finds is its top-1 agreement."""
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """A repeat is stopped once its lane's own clock has run this long."""

    def numbers(self, first: int = 0) -> range:
        """The numbers of a lane's repeats from the `first` on, counted over warm-ups and repeats together."""
        return range(first, self.warmup + self.repeats)

    def passes(self, first: int = 0) -> int:
        """How often a lane decodes in the repeats from this number on: twice in a counted one that is contended."""
        numbers = self.numbers(first)
        return len(numbers) + (sum(number >= self.warmup for number in numbers) if self.schedule == "contended" else 0)
