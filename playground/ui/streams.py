"""What open live views are shown: each has a stream of records that its browser asks for, piece by piece, at its own pace.

Asked for, not pushed: a component whose value grows is copied, compared and rendered anew by Gradio with every frame, which for a long
answer costs the browser more than all it draws (measured: a second behind after ten). A browser that is slow, hidden or cut off for
a while asks later and gets all it missed in one frame.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict
from typing import Any, TypedDict

from playground.runner import Reader, Run
from playground.ui.feed import Feed

KEPT = 256
"""Streams that can be asked for: of an open view only the last matters, and a run's end is asked for once more after it is over."""
LONGEST_WAIT_S = 0.5
"""How long an answer may wait for news."""
LOOK_S = 0.01


class Answer(TypedDict):
    records: str
    """JSON lines."""
    seen: int
    """How many records the view has with these."""
    over: bool
    """Nothing will follow."""


class _Stream:
    """One view's records of one run, kept: an answer that got lost is given again."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._feed = reader, Feed(reader.view)
        self._lock = threading.Lock()
        self._records: list[str] = []

    def start(self, key: str, watching: bool) -> str:
        return self._feed.start(key=key, watching=watching)

    def waits(self, seen: int) -> bool:
        """Whether there is nothing new yet for a view that has `seen` records."""
        return len(self._records) <= seen and not self._reader.behind and not self._reader.over

    def since(self, seen: int) -> Answer:
        with self._lock:
            self._reader.catch_up(0.0)
            if frame := self._feed.frame():
                self._records.append(frame)
            return {"records": "".join(self._records[seen:]), "seen": len(self._records), "over": self._reader.over}


class Streams:
    """The streams of all open views, by a key that only their view knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: OrderedDict[str, _Stream] = OrderedDict()

    def open(self, run: Run, watching: bool = False) -> tuple[str, str]:
        """A new stream of this run, from its beginning: its key, and its first record, which tells the browser the key."""
        key, stream = secrets.token_urlsafe(16), _Stream(run.reader())
        with self._lock:
            self._streams[key] = stream
            while len(self._streams) > KEPT:
                self._streams.popitem(last=False)
        return key, stream.start(key, watching)

    def close(self, key: str) -> None:
        """Nothing more is shown of it."""
        with self._lock:
            self._streams.pop(key, None)

    async def frames(self, asked: dict[str, Any]) -> Answer:
        """What follows the first `seen` records of the stream `key`, once there is anything; called by the browser."""
        key, seen = str(asked.get("key")), int(asked.get("seen", 0))
        with self._lock:
            stream = self._streams.get(key)
        if stream is None:
            return {"records": "", "seen": seen, "over": True}
        until = time.monotonic() + LONGEST_WAIT_S
        while stream.waits(seen) and time.monotonic() < until:
            await asyncio.sleep(LOOK_S)
        return await asyncio.to_thread(stream.since, seen)
