"""What open live views are shown: each has a stream of records that its browser asks for, piece by piece, at its own pace.

Asked for, not pushed: a component whose value grows is copied, compared and rendered anew by Gradio with every frame, which for a long
answer costs the browser more than all it draws (eight lanes, 15 s, on a busy machine: a text was shown 0.9 to 4 s late, p95). A browser
that is slow, hidden or cut off for a while asks later and gets all it missed in one frame.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict
from typing import Any, TypedDict

from playground.runs.run import Reader, Run
from playground.ui.live.feed import Feed
from playground.ui.live.targets import GONE, LimitError, RunTimings, TargetTable, WrongLimit, read_question, target_table

KEPT = 128
"""Streams that can be asked for. Of an open view only the last matters; one that is over holds its records and not the run."""
LONGEST_WAIT_S = 0.5
"""How long an answer may wait for news."""
LOOK_S = 0.01
PAUSE_S = 0.033
"""Between frames, for the view of who started the run: no eye sees more."""
WATCHED_PAUSE_S, WATCHED_PER_S = 0.1, 60
"""The same for a watcher, and how many answers all watchers of a run get a second: decoding needs the machine more."""


class Answer(TypedDict):
    records: str
    """JSON lines."""
    seen: int
    """How many records the view has with these."""
    over: bool
    """Nothing will follow."""
    pause_s: float
    """When to ask again."""


class _Stream:
    """The records of one run, kept: whoever comes late, or whose answer got lost, is given them again."""

    def __init__(self, run: Run, watching: bool) -> None:
        self.run_id, self.key, self.viewers = run.id, secrets.token_urlsafe(16), 0
        reader = run.reader()
        feed = Feed(reader.view)
        self._source: tuple[Reader, Feed] | None = (reader, feed)
        """Until the run is over."""
        self.timings = RunTimings(reader.view.request)
        self._watching = watching
        self._lock = threading.Lock()
        self._records = [feed.start(watching=watching, key=self.key)]

    @property
    def pause_s(self) -> float:
        return max(WATCHED_PAUSE_S, self.viewers / WATCHED_PER_S) if self._watching else PAUSE_S

    def waits(self, seen: int) -> bool:
        """Whether there is nothing new yet for a view that has `seen` records."""
        source = self._source
        return source is not None and len(self._records) <= seen and not source[0].behind

    def since(self, seen: int) -> Answer:
        with self._lock:
            self._read_on()
            records = "".join(self._records[seen:])
            return {"records": records, "seen": len(self._records), "over": self._source is None, "pause_s": self.pause_s}

    def _read_on(self) -> None:
        if self._source is None:
            return
        reader, feed = self._source
        reader.catch_up(0.0)
        if frame := feed.frame():
            self._records.append(frame)
        self.timings.read_on(reader.view)
        if reader.over:
            self._source = None


class Streams:
    """The streams of all open views. A key is known only to those who were given it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._watched: _Stream | None = None

    def open(self, run: Run) -> str:
        """The key of a new stream of this run."""
        with self._lock:
            return self._add(_Stream(run, watching=False)).key

    def watch(self, run: Run) -> str:
        """The same for somebody who only looks: one stream for all who watch this run."""
        with self._lock:
            if self._watched is None or self._watched.run_id != run.id:
                self._watched = self._add(_Stream(run, watching=True))
            self._watched.viewers += 1
            return self._watched.key

    def leave(self, key: str) -> None:
        """One watcher less."""
        with self._lock:
            if (stream := self._streams.get(key)) is not None:
                stream.viewers -= 1

    def _add(self, stream: _Stream) -> _Stream:
        self._streams[stream.key] = stream
        while len(self._streams) > KEPT:
            self._streams.popitem(last=False)
        return stream

    async def frames(self, question: dict[str, Any]) -> Answer:
        """What follows the first `seen` records of the stream `key`, once there is anything; called by the browser."""
        key, seen = str(question.get("key")), question.get("seen")
        seen = seen if isinstance(seen, int) and seen >= 0 else 0
        with self._lock:
            stream = self._streams.get(key)
        if stream is None:
            return {"records": "", "seen": seen, "over": True, "pause_s": PAUSE_S}
        until = time.monotonic() + LONGEST_WAIT_S
        while stream.waits(seen) and time.monotonic() < until:
            await asyncio.sleep(LOOK_S)
        return await asyncio.to_thread(stream.since, seen)

    async def attainment(self, question: dict[str, Any]) -> TargetTable | WrongLimit:
        """The lanes of the stream `key` against a target (`targets.read_question`); called by the browser, before a run without a key."""
        try:
            target = read_question(question)
        except LimitError as error:
            return {"limit": error.limit, "wrong": str(error)}
        key = str(question.get("key") or "")
        with self._lock:
            if (stream := self._streams.get(key)) is not None:
                self._streams.move_to_end(key)
        if stream is not None:
            return stream.timings.table(target)
        none = target_table(target)
        return {**none, "notes": GONE} if key else none
