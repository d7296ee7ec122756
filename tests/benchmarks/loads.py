"""The child of `reload` and `swaps`: one process with a `Worker` of its own, its cache folder empty at the start.

Asked for a lane it loads it (and decodes two tokens); asked to evict it evicts, and on `"forget": true` it also throws the pre-quantized
copies away. It answers with the load's seconds and kind, as `LaneLoaded` tells them, and with its own RssAnon.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from playground.engines.local.worker import Worker
from playground.events import LaneFailed, LaneLoaded
from tests.benchmarks.processes import rss_anon_bytes
from tests.benchmarks.setup import request


def load(worker: Worker, folder: Path, lane: str) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for event in worker.run([0], request(folder, [lane], max_new_tokens=2, warmup=0), threading.Event()):
        if isinstance(event, LaneLoaded):
            answer = {"load_s": event.load_s, "load_kind": event.load_kind}
        elif isinstance(event, LaneFailed):
            return {"error": event.message}
    return answer


def main(folder: Path) -> None:
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
            sys.stdout.write(json.dumps(answer | {"rss_anon_bytes": rss_anon_bytes("self")}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
