"""Every metric: what it is called, its unit, what it means, and how it is worked out. Pure.

A new metric is one value of `METRICS`: tables, files, recordings and the README's table derive from it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from itertools import pairwise
from typing import assert_never

from playground.analysis.measuring import Metrics, measure, measure_running, median
from playground.analysis.metric import Figure, Metric, OfLane, OfRepeat, OfSamples, always, known
from playground.analysis.output_diff import difference
from playground.analysis.pairing import slowdown
from playground.analysis.stats import percentile
from playground.spec.measure import Measure
from playground.timeline.state import LaneState, RunState
from playground.timeline.trace import Trace


def _wall_is_its_own(measure: Measure) -> bool:
    return measure.schedule != "interleaved"


def _contended(measure: Measure) -> bool:
    return measure.schedule == "contended"


def _compares_outputs(measure: Measure) -> bool:
    return measure.agreement


def _cold_ttft(lane: LaneState) -> float | None:
    return measure(lane.cold).ttft_s if lane.cold is not None else None


def _in_memory(part: str) -> OfLane:
    def figure(lane: LaneState) -> float | None:
        value: int | None = getattr(lane.memory, part, None)
        return value

    return OfLane(known(figure))


def _slowdown(view: RunState, lane: LaneState) -> Figure:
    found = slowdown(view, lane)
    return Figure() if found is None else Figure(found.ratio.value, found.pairs, found.ratio.ends)


def _first_difference(view: RunState, lane: LaneState) -> Figure:
    found = difference(view, lane)
    return Figure() if found is None else Figure(math.inf if found.first is None else found.first, found.compared)


def _agreement(_view: RunState, lane: LaneState) -> Figure:
    return Figure() if lane.agreement is None else Figure(lane.agreement.top1, lane.agreement.places)


def _after_turn(repeats: Iterable[Trace]) -> float | None:
    """What a step takes after another lane had the device: the median gap before such steps ÷ that before all others; None without."""
    gaps: dict[bool, list[float]] = {True: [], False: []}
    for repeat in repeats:
        for earlier, later in pairwise(repeat.steps):
            gaps[later.resumed].append(later.t_s - earlier.t_s)
    usual = statistics.median(gaps[False]) if gaps[False] else 0.0
    return statistics.median(gaps[True]) / usual if gaps[True] and usual > 0 else None


def _itl(percent: int) -> Metric:
    meaning = (
        f"{percent} % of the gaps between two decode steps are no longer, over all counted repeats (between neighbours in proportion); "
        "a batch’s step counts once, beam search has none."
    )
    return Metric(f"ITL p{percent}", "s", "lower", meaning, OfSamples(lambda repeat: measure(repeat).itl_s, percent, "gap"))


METRICS: dict[str, Metric] = {
    "ttft_s": Metric(
        "TTFT",
        "s",
        "lower",
        "Time to first token: from handing over the request, with the variant loaded, until the first output token is known; "
        "beam search is certain of none before its end, so there it is E2E.",
        OfRepeat(lambda repeat: measure(repeat).ttft_s),
        main=always,
    ),
    "cold_ttft_s": Metric(
        "Cold TTFT",
        "s",
        "lower",
        "TTFT of the first repeat after the variant was loaded, which counts nowhere else; unknown when it was in place already.",
        OfLane(known(_cold_ttft)),
        name="cold TTFT",
    ),
    "tokenize_s": Metric(
        "Tokenizing",
        "s",
        "lower",
        "From handing over the request to input ids that are ready on the device, chat template included.",
        OfRepeat(lambda repeat: measure(repeat).tokenize_s),
    ),
    "queue_s": Metric(
        "Queue",
        "s",
        "lower",
        "From a request’s arrival until it was admitted; rows of a static batch wait for none.",
        OfRepeat(lambda repeat: measure(repeat).queue_s),
    ),
    "prefill_s": Metric(
        "Prefill",
        "s",
        "lower",
        "Reading the prompt: from ready input ids to the first step, generate’s own set-up included.",
        OfRepeat(lambda repeat: measure(repeat).prefill_s),
    ),
    "tpot_s": Metric(
        "TPOT",
        "s",
        "lower",
        "Time per output token after the first, (last − first) ÷ (tokens − 1) of a row, as vLLM and MLPerf define it; of a batch the "
        "median over its rows; beam search and answers of one token have none.",
        OfRepeat(lambda repeat: measure(repeat).tpot_s),
        main=always,
    ),
    "step_s": Metric(
        "Step",
        "s",
        "lower",
        "The median time from one decode step to the next, which counts once for a whole batch and once for all beams.",
        OfRepeat(lambda repeat: measure(repeat).step_s),
        name="time of a step",
    ),
    "tokens_per_event": Metric(
        "Tokens a step",
        "tok/step",
        "higher",
        "Tokens that a row gained in a step, on average over its steps: one, or more where a step brings several, as with speculation; "
        "beam search has none.",
        OfRepeat(lambda repeat: measure(repeat).tokens_per_event),
    ),
    **{f"itl_p{percent}_s": _itl(percent) for percent in (50, 90, 95, 99)},
    "after_turn": Metric(
        "After a turn",
        "×",
        "lower",
        "Interleaved: the median step after another lane had the device, as a multiple of the median of the other steps.",
        OfLane(known(lambda lane: _after_turn(lane.counted))),
        compared=False,
    ),
    "slowdown": Metric(
        "Slowdown",
        "×",
        "lower",
        "Contended: TPOT (beam search: E2E) among the others, as a multiple of that of the same lane alone, paired by repeat.",
        OfLane(_slowdown, "pair"),
        main=_contended,
        compared=False,
    ),
    "decode_s": Metric(
        "Decode time",
        "s",
        "lower",
        "From the first output token to the last.",
        OfRepeat(lambda repeat: measure(repeat).decode_s),
        whole=True,
    ),
    "decode_tokens_per_s": Metric(
        "Decode",
        "tok/s",
        "higher",
        "Tokens per second after the first, all rows of the batch together: Σ (tokens of a row − 1) ÷ (latest last − earliest first).",
        OfRepeat(lambda repeat: measure(repeat).decode_tokens_per_s),
        name="decode throughput",
        main=always,
    ),
    "output_tokens_per_s": Metric(
        "Output",
        "tok/s",
        "higher",
        "Output tokens of all rows ÷ E2E, so the wait for the first token counts too.",
        OfRepeat(lambda repeat: measure(repeat).output_tokens_per_s),
        name="output throughput",
        whole=True,
    ),
    "post_s": Metric(
        "Post",
        "s",
        "lower",
        "What generate does after the last token, and turning all tokens into text once.",
        OfRepeat(lambda repeat: measure(repeat).post_s),
    ),
    "e2e_s": Metric(
        "E2E",
        "s",
        "lower",
        "End to end: tokenizing, prefill, decoding and post, added up.",
        OfRepeat(lambda repeat: measure(repeat).e2e_s),
        main=always,
        whole=True,
    ),
    "requests_per_s": Metric(
        "Requests",
        "req/s",
        "higher",
        "Answers finished per second of the wall clock; undefined when lanes take turns, for then the wall is not one "
        "lane’s; when lanes run at once, of the lane among the others.",
        OfRepeat(lambda repeat: measure(repeat).requests_per_s),
        defined=_wall_is_its_own,
        whole=True,
    ),
    "load_s": Metric(
        "Load",
        "s",
        "lower",
        "From asking for the variant to ready to run, and where it came from: cold files, a prequantized copy, host memory, "
        "an adapter attached to a base in place, or resident.",
        OfLane(known(lambda lane: lane.load_s), kind=lambda lane: lane.load_kind, least=0.001),
        main=always,
    ),
    "memory_bytes": Metric(
        "Memory",
        "B",
        "lower",
        "The most that the lane was seen to hold on its device: weights, KV cache and the rest, looked at with nothing beside it in a "
        "repeat that does not count; the weights alone where none was.",
        OfLane(known(lambda lane: lane.memory_bytes), parts=("weights_bytes", "kv_bytes", "rest_bytes")),
        main=always,
    ),
    "weights_bytes": Metric(
        "Weights",
        "B",
        "lower",
        "All tensors of the variant as they are held, quantization state and adapter included, shared ones counted in full.",
        OfLane(known(lambda lane: lane.weights_bytes)),
    ),
    "kv_bytes": Metric(
        "KV cache",
        "B",
        "lower",
        "The tensors of the cache of keys and values after the last step.",
        _in_memory("kv_bytes"),
        name="KV cache",
    ),
    "rest_bytes": Metric(
        "Rest of memory",
        "B",
        "lower",
        "Activations, logits, workspaces: on CUDA the allocator’s peak, on the CPU the growth of RssAnon, without weights and KV cache.",
        _in_memory("rest_bytes"),
        name="rest",
    ),
    "first_difference_token": Metric(
        "First difference",
        "token",
        None,
        "Number of the first output token that differs from the baseline’s, over rows asked the same prompt; none when all that can be "
        "compared are equal.",
        OfLane(_first_difference, "token"),
        main=_compares_outputs,
        compared=False,
    ),
    "top1_share": Metric(
        "Top-1 agreement",
        "share",
        None,
        "Share of places at which the lane’s model, reading the baseline’s answer, finds the same token likeliest as the baseline’s model; "
        "measured when outputs are compared (see Settings).",
        OfLane(_agreement, "place"),
        main=_compares_outputs,
        compared=False,
    ),
}
"""In the order of tables. Its ending is the unit of a figure: seconds, bytes, a second."""


def lane_figure(view: RunState, lane: LaneState, key: str) -> Figure:
    """What is known of the lane so far."""
    metric = METRICS[key]
    if not metric.defined(view.request.measure):
        return Figure()
    match metric.of:
        case OfRepeat():
            known = values(lane, key)
            return Figure(median([*known]), len(known))
        case OfSamples(samples, percent):
            pooled = [one for repeat in lane.counted for one in samples(repeat)]
            return Figure(percentile(pooled, percent), len(pooled))
        case OfLane(of):
            return of(view, lane)
        case _:
            assert_never(metric.of)


def figure_of(repeat: Trace, key: str) -> float | None:
    """Of one repeat; None if unknown, and of what is known once of a lane."""
    of = METRICS[key].of
    return None if isinstance(of, OfLane) else of.figure(repeat)


def values(lane: LaneState, key: str) -> list[float]:
    """The figure of each repeat that counts, where it is known."""
    found = [figure_of(repeat, key) for repeat in lane.counted]
    return [value for value in found if value is not None]


def figure(lane: LaneState, key: str) -> float | None:
    """The median over the repeats that count; None if unknown."""
    return median([*values(lane, key)])


def live_figures(lane: LaneState) -> Metrics:
    """The figures so far of the repeat in progress (empty when there is none)."""
    return measure_running(lane.current) if lane.current is not None else Metrics()
