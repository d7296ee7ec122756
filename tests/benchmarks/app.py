"""What the instrument itself costs: an exclusive lane through the whole app ÷ bare `model.generate`.

A real `python app.py` with its page up serves a gradio_client that consumes the `/run` endpoint's stream; its worker decodes the embedded
model. Against it, a process of its own calls `model.generate` on the same weights with nothing attached (no probe, no streamer) and times
whole calls from outside: (E2E(n) − E2E(1)) / (n − 1), the same quantity as the app's TPOT but independent of the probe. (Stamping with a
criterion of our own was left out because it would measure a probe with a probe.) Both decode greedily, the same prompt, fixed length, with
one torch thread, so that the machine's second core carries the page. While one side decodes the other waits blocked in a read.
App and bare alternate, the order turned round from pair to pair; each side of a pair is the median of its repeats after a warm-up; the
figure is the median of the pairs' ratios. Both sides must produce the same token ids, or there is no figure.
"""

from __future__ import annotations

import statistics
from typing import Any

from gradio_client import Client

from playground.analysis.measuring import measure
from playground.recordings.schema import Recording
from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import App, Child
from tests.benchmarks.setup import PROMPT, BenchmarkError, Setup

LIMIT = 1.03
PRECISIONS = ("bf16", "nf4")


def run(setup: Setup) -> list[Figure]:
    tokens, pairs, repeats = setup.pick(48, 12), setup.pick(5, 1), setup.pick(3, 1)
    with App() as app, Child("tests.benchmarks.bare", str(setup.folder), "1") as bare:
        client = connected(app)
        return [_figure(setup, client, bare, precision, tokens, pairs, repeats) for precision in PRECISIONS]


def _figure(setup: Setup, client: Client, bare: Child, precision: str, tokens: int, pairs: int, repeats: int) -> Figure:
    sides = {
        "app": lambda: through_app(client, precision, tokens, repeats),
        "bare": lambda: bare.ask({"precision": precision, "tokens": tokens, "repeats": repeats}),
    }
    measured: list[dict[str, Any]] = []
    for number in range(pairs):
        order = ("app", "bare") if number % 2 == 0 else ("bare", "app")
        pair = {side: sides[side]() for side in order}
        if pair["app"]["output_ids"] != pair["bare"]["output_ids"]:
            raise BenchmarkError(f"app and bare generate gave different tokens in {precision}: they did not do the same work")
        measured.append(pair)
        times = " ÷ ".join(f"{pair[side]['median_tpot_s'] * 1e3:.2f}" for side in ("app", "bare"))
        setup.say(f"app: {precision} pair {number + 1} of {pairs}: {times} ms a token")
    ratios = tuple(pair["app"]["median_tpot_s"] / pair["bare"]["median_tpot_s"] for pair in measured)
    return Figure(
        "app", f"TPOT through the app ÷ bare generate, {precision}", "×", LIMIT, ratios, raw={"tokens": tokens, "pairs": measured}
    )


def connected(app: App) -> Client:
    return Client(app.url, verbose=False, download_files=False, analytics_enabled=False)


def through_app(client: Client, precision: str, tokens: int, repeats: int, threads: int | None = 1) -> dict[str, Any]:
    """One run by the API; its stream is read to the end as a visitor's would be."""
    last: dict[str, Any] = {}
    messages = 0
    fields: dict[str, Any] = {
        "lanes": [precision],
        "prompts": [PROMPT],
        "max_new_tokens": tokens,
        "fixed_length": True,
        "schedule": "exclusive",
        "warmup": 1,
        "repeats": repeats,
        "threads": threads,
    }
    for message in client.submit(**fields, api_name="/run"):
        last = message
        messages += 1
    [lane] = Recording.model_validate(last["recording"]).lanes
    if lane.error:
        raise BenchmarkError(lane.error)
    counted = [repeat for repeat in lane.repeats if not repeat.warmup]
    tpot = [figures.tpot_s for figures in map(measure, counted) if figures.tpot_s is not None]
    return {"tpot_s": tpot, "median_tpot_s": statistics.median(tpot), "output_ids": list(counted[-1].output_ids[0]), "messages": messages}
