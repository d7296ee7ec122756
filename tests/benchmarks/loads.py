"""The child of `reload`, `exchange`, `swaps` and `memory`: one process with a `Worker` of its own, its cache folder empty at the start.

Asked for a lane it loads it (and decodes two tokens); asked to evict it evicts, and on `"forget": true` it also throws the pre-quantized
copies away. It answers with the load's seconds, kind and bytes, as `LaneLoaded` tells them, with its own RssAnon, and with the highest
that a thread saw of it, reading every 2 ms, since the last answer.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playground.timeline.events import LaneFailed, LaneLoaded
from playground.worker.process import Worker
from tests.benchmarks.processes import rss_anon_bytes
from tests.benchmarks.setup import request

PEAK_PERIOD_S = 0.002


def load(worker: Worker, folder: Path, lane: str) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for event in worker.run([0], request(folder, [lane], max_new_tokens=2, warmup=0), threading.Event()):
        if isinstance(event, LaneLoaded):
            answer = {"load_s": event.load_s, "load_kind": event.load_kind, "memory_bytes": event.memory_bytes}
        elif isinstance(event, LaneFailed):
            return {"error": event.message}
    return answer


class Peak:
    """The highest RssAnon since it was last asked for."""

    def __init__(self) -> None:
        self._seen = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def take(self) -> int:
        seen, self._seen = max(self._seen, rss_anon_bytes("self")), 0
        return seen

    def _watch(self) -> None:
        while True:
            self._seen = max(self._seen, rss_anon_bytes("self"))
            time.sleep(PEAK_PERIOD_S)


def main(folder: Path) -> None:
    peak = Peak()
    with tempfile.TemporaryDirectory() as cache:
        worker = Worker(Path(cache))
        for line in sys.stdin:
            asked = json.loads(line)
            if "lane" in asked:
                answer = load(worker, folder, asked["lane"])
            else:
                worker.evict()
                answer = {}
                if asked.get("forget"):
                    shutil.rmtree(Path(cache) / "prequantized", ignore_errors=True)
            memory = {"rss_anon_bytes": rss_anon_bytes("self"), "peak_bytes": peak.take()}
            sys.stdout.write(json.dumps(answer | memory) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
