"""A run's figures by another tool's definitions, and why they are others. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from playground.analysis.definitions import Metric, Reading, as_aiperf, as_guidellm, as_here, as_mlperf, as_vllm, requests_of
from playground.analysis.measuring import measure, median
from playground.analysis.metrics import METRICS
from playground.errors import InputError
from playground.formatting import duration, rate
from playground.report.section import Cell, Heading, Row, Section
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import Trace

TITLES: Mapping[Metric, str] = {key: METRICS[key].title if key in METRICS else "ITL" for key in get_args(Metric)}
"""The metrics that are compared, with their titles."""

NOTE = (
    "Only the definitions change: these are the steps measured here. The tools’ own clocks stand in a client, so their figures also "
    "hold the network and the server’s queue. A row of a batch is read as a request of its own, sent with the others; the answer of "
    "beam search as one chunk at its end. Figures are medians over the requests, and over the repeats that count."
)

AT_ONCE = "The whole answer comes in one chunk: no time passes from its first token to its last, which makes 0."
LAST_TOKEN = "It ends with the last token: what follows, such as turning all tokens into text, is not in it."
EACH_ROW = "Each row is a request that ends with its own last token."


Why = Mapping[Metric, str]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: how it reads a timeline, and why its figures are others."""

    title: str
    read: Callable[[Trace], Reading]
    why: Why
    """Of a figure that both have; E2E apart."""
    none: Why
    """Of a figure that the tool does not have."""
    ended: Why
    """What comes to it where rows have ended by themselves."""


_TPOT = "(last token − first token) ÷ (tokens − 1) of each request."
_IN_IDS = "The prompt comes as token ids, so tokenizing is not in it."
_ONE_AVERAGE = "One average for each request, ({}) ÷ (tokens − 1), where this page takes the gaps themselves."
_COUNTED = "The token that ends an answer is counted but has no text, so the time stops at the one before."
_LEFT_OUT = "The token that ends an answer has no text: it is neither counted nor waited for."
_INVALID = "LoadGen logs an error for an answer of one token, which makes the run invalid."

TOOLS: Mapping[str, Tool] = {
    "vllm": Tool(
        "vLLM",
        as_vllm,
        {
            "tpot_s": _TPOT,
            "itl_s": "Each row is a request: a step’s gap counts once for every row that was still writing.",
        },
        {"tpot_s": "vLLM leaves an answer of one token out, prints 0 when there is no other, and counts it as 0 for goodput."},
        {},
    ),
    "guidellm": Tool(
        "GuideLLM",
        as_guidellm,
        {
            "ttft_s": "It waits for the first text.",
            "tpot_s": "All the time up to the last token, the wait for the first included, ÷ all tokens.",
            "itl_s": _ONE_AVERAGE.format("last − first"),
            "output_tokens_per_s": "All tokens, the first included, ÷ the time from the first token to the last.",
        },
        {"output_tokens_per_s": "Everything comes at once, so there is no time from the first token to the last to divide by."},
        dict.fromkeys(("tpot_s", "itl_s", "output_tokens_per_s"), _COUNTED),
    ),
    "aiperf": Tool(
        "AIPerf",
        as_aiperf,
        {
            "ttft_s": "It waits for the first text.",
            "itl_s": _ONE_AVERAGE.format("E2E − TTFT"),
            "output_tokens_per_s": "All tokens ÷ the time until the last one, without what follows.",
        },
        {"tpot_s": "AIPerf has no figure of this name: what is TPOT here is its ITL."},
        dict.fromkeys(("itl_s", "e2e_s", "output_tokens_per_s"), _LEFT_OUT),
    ),
    "mlperf": Tool(
        "MLPerf",
        as_mlperf,
        {
            "ttft_s": _IN_IDS,
            "tpot_s": _TPOT,
            "output_tokens_per_s": "All tokens ÷ the longest E2E, as in the offline scenario.",
        },
        {"tpot_s": _INVALID, "itl_s": "MLPerf has none.", "output_tokens_per_s": _INVALID},
        {},
    ),
}
"""By the name that is typed."""


def tool_of(name: str) -> Tool:
    """Raises InputError."""
    try:
        return TOOLS[name]
    except KeyError:
        raise InputError("--read-as", f"{name!r} is not known; allowed: {', '.join(TOOLS)}") from None


def read_as(view: RunState, tool: Tool) -> Section:
    """Lanes × metrics as the tool would give them; a lane without a counted repeat has none."""
    readings = [(lane, list(_readings(tool, lane))) for lane in view.lanes]
    reasons = [(one.metric, sentence) for lane, figures in readings for one in figures for sentence in _why(tool, lane, one)]
    why = [f"{title}: {' '.join(found)}" for metric, title in TITLES.items() if (found := _distinct(reasons, metric))]
    over = view.status in ("done", "cancelled")
    return Section(
        f"Read as {tool.title}; ≠ stands before the playground’s own figure, where it is another.",
        (Heading("Lane", numeric=False), *map(Heading, TITLES.values())),
        tuple(Row((Cell(lane.label), *(one.cell() for one in figures)), lane.index) for lane, figures in readings),
        (*(why if over else ["Figures come when the run is over."]), *([] if why or not over else ["No figure is another."]), NOTE),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """One metric of a lane by both definitions: medians over the counted repeats."""

    metric: Metric
    value: float | None
    own: float | None

    @property
    def text(self) -> str:
        return self._show(self.value)

    @property
    def changed(self) -> bool:
        """Figures that are written alike are not told apart."""
        return self.text != self._show(self.own)

    def cell(self) -> Cell:
        return Cell(self.text, (f"≠ {self._show(self.own)}",), mark="changed") if self.changed else Cell(self.text)

    def _show(self, value: float | None) -> str:
        return rate(value) if self.metric == "output_tokens_per_s" else duration(value)


def _readings(tool: Tool, lane: LaneState) -> Iterator[_Reading]:
    readings = [(tool.read(repeat), as_here(measure(repeat))) for repeat in lane.counted]
    for metric in TITLES:
        yield _Reading(metric, median([one.figure(metric) for one, _ in readings]), median([own.figure(metric) for _, own in readings]))


def _why(tool: Tool, lane: LaneState, figure: _Reading) -> Iterator[str]:
    """Why a figure is another than this page's, or is not there."""
    metric = figure.metric
    requests = [request for repeat in lane.counted for request in requests_of(repeat)]
    if figure.value is None:
        if figure.changed or (metric == "tpot_s" and any(request.tokens == 1 for request in requests)):
            yield tool.none.get(metric, "There is nothing to take it from.")
    elif figure.changed and figure.value == 0:
        yield AT_ONCE
    elif figure.changed and metric == "e2e_s":
        yield from [_IN_IDS] if tool.read is as_mlperf else []
        yield from [] if lane.lane.decoding.revises else [LAST_TOKEN]
        yield from [EACH_ROW] if lane.lane.batch > 1 else []
    elif figure.changed:
        yield tool.why.get(metric, "It is defined otherwise.")
    if figure.value and figure.changed and metric in tool.ended and any(request.written_tokens < request.tokens for request in requests):
        yield tool.ended[metric]


def _distinct(reasons: Sequence[tuple[Metric, str]], metric: Metric) -> list[str]:
    """The metric's sentences, each once, in the order in which lanes gave them."""
    return [*dict.fromkeys(sentence for one, sentence in reasons if one == metric)]
