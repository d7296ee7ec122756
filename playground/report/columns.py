"""The columns of the results table: every metric with its unit and one sentence that says what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from playground.analysis.figures import ITL
from playground.formatting import UNKNOWN, duration, rate, request_rate, significant, size

Better = Literal["lower", "higher"]


def multiple(value: float | None) -> str:
    return UNKNOWN if value is None else f"{significant(value)}×"


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of the table."""

    key: str
    """A field of `Metrics`, or what else is known of the lane; its ending is the unit of a cell's value."""
    title: str
    unit: str
    meaning: str
    """One sentence."""
    better: Better | None
    """None: says how the output differs from the baseline's, which is neither."""
    show: Callable[[float | None], str] = duration
    main: bool = False
    """Always shown; the others on demand."""
    whole: bool = False
    """Says something of a whole answer only: not compared when a repeat was cut short."""


COLUMNS = (
    Column(
        "ttft_s",
        "TTFT",
        "s",
        "Time to first token: from handing over the request, with the variant loaded, until the first output token is known; "
        "beam search is certain of none before its end.",
        "lower",
        main=True,
    ),
    Column(
        "cold_ttft_s",
        "Cold TTFT",
        "s",
        "TTFT of the first repeat after the variant was loaded, which counts nowhere else; unknown when it was in place already.",
        "lower",
    ),
    Column("tokenize_s", "Tokenizing", "s", "From handing over the request to input ids that are ready, chat template included.", "lower"),
    Column("prefill_s", "Prefill", "s", "Reading the prompt: TTFT without tokenizing, generate’s own set-up included.", "lower"),
    Column(
        "tpot_s",
        "TPOT",
        "s",
        "Time per output token after the first, decode time ÷ (tokens − 1); of a batch the median over its rows; "
        "beam search and answers of one token have none.",
        "lower",
        main=True,
    ),
    Column(
        "step_s",
        "Step",
        "s",
        "The median time from one decode step to the next, which counts once for a whole batch and once for all beams.",
        "lower",
    ),
    *(
        Column(
            key,
            f"ITL p{percent}",
            "s",
            f"{percent} % of the gaps between two decode steps are no longer, over all counted repeats (between neighbours in proportion); "
            "beam search has none.",
            "lower",
        )
        for key, percent in ITL.items()
    ),
    Column(
        "after_turn",
        "After a turn",
        "×",
        "Interleaved: the median step after another lane had the device, as a multiple of the median of the other steps.",
        "lower",
        show=multiple,
    ),
    Column(
        "slowdown",
        "Slowdown",
        "×",
        "Contended: TPOT (beam search: E2E) among the others, as a multiple of that of the same lane alone, paired by repeat.",
        "lower",
        show=multiple,
    ),
    Column("decode_s", "Decode time", "s", "From the first output token to the last.", "lower", whole=True),
    Column(
        "decode_tokens_per_s",
        "Decode",
        "tok/s",
        "Tokens per second after the first, all rows of the batch together.",
        "higher",
        show=rate,
        main=True,
    ),
    Column(
        "output_tokens_per_s",
        "Output",
        "tok/s",
        "Output tokens of all rows ÷ E2E, so the wait for the first token counts too.",
        "higher",
        show=rate,
        whole=True,
    ),
    Column("post_s", "Post", "s", "What generate does after the last token, and turning all tokens into text once.", "lower"),
    Column("e2e_s", "E2E", "s", "End to end: tokenizing, prefill, decoding and post, added up.", "lower", main=True, whole=True),
    Column(
        "requests_per_s",
        "Requests",
        "req/s",
        "Answers finished per second of the wall clock; undefined when lanes take turns, for then the wall is not one "
        "lane’s; when lanes run at once, of the lane among the others.",
        "higher",
        show=request_rate,
        whole=True,
    ),
    Column(
        "load_s",
        "Load",
        "s",
        "From asking for the variant to ready to run, and where it came from: cold files, a prequantized copy, host memory, "
        "an adapter attached to a base in place, or resident.",
        "lower",
        main=True,
    ),
    Column(
        "memory_bytes",
        "Memory",
        "B",
        "The most that the lane was seen to hold on its device: weights, KV cache and the rest, looked at in a repeat that does not count; "
        "the weights alone where none was.",
        "lower",
        show=size,
        main=True,
    ),
    Column("weights_bytes", "Weights", "B", "All tensors of the variant as they are held, adapter included.", "lower", show=size),
    Column("kv_bytes", "KV cache", "B", "The tensors of the cache of keys and values after the last step.", "lower", show=size),
    Column(
        "rest_bytes",
        "Rest of memory",
        "B",
        "Activations, logits, workspaces: on CUDA the allocator’s peak, on the CPU the growth of RssAnon, without weights and KV cache.",
        "lower",
        show=size,
    ),
    Column(
        "first_difference_token",
        "First difference",
        "token",
        "Number of the first output token that differs from the baseline’s, over rows asked the same prompt; none when all that can be "
        "compared are equal.",
        None,
    ),
    Column(
        "top1_share",
        "Top-1 agreement",
        "share",
        "Share of places at which the lane’s model, reading the baseline’s answer, finds the same token likeliest as the baseline’s model; "
        "measured when outputs are compared (see Settings).",
        None,
    ),
)
