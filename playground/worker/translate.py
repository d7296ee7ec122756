"""What the device thread noted down → events, with text: the sender's work, off the timed path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from playground.timeline.events import LaneEvent, StepsTaken
from playground.timeline.trace import Step
from playground.worker.probe import RawStep
from playground.worker.prompts import RowStreams
from playground.worker.repeat import RepeatNote, StartNote, StepNote, until_end


class Translator:
    """Turns notes into events; steps of a lane that came together leave together."""

    def __init__(self) -> None:
        self._rows: dict[int, _Rows] = {}

    def events(self, notes: Iterable[RepeatNote | LaneEvent]) -> Iterator[LaneEvent]:
        """The events of these notes, in order for each lane."""
        waiting: dict[int, list[RawStep]] = {}
        for note in notes:
            if isinstance(note, StepNote):
                waiting.setdefault(note.lane, []).append(note.step)
                continue
            event = note.event if isinstance(note, StartNote) else note
            if event.lane in waiting:
                yield self._rows[event.lane].steps_taken(waiting.pop(event.lane))
            if isinstance(note, StartNote):
                self._rows[event.lane] = _Rows(note)
            yield event
        for lane, steps in waiting.items():
            yield self._rows[lane].steps_taken(steps)


class _Rows:
    """The rows of one repeat: what each has so far, and which have ended."""

    def __init__(self, start: StartNote) -> None:
        self._lane, self._repeat, self._revises = start.event.lane, start.event.repeat, start.revises
        self._ends = start.end_ids
        self._ended = [False] * start.batch
        self._best: list[list[int]] = [[] for _ in range(start.batch)]
        """Of beams: each row's best candidate so far."""
        self._streams = RowStreams(start.encoder, start.batch, start.revises)

    def steps_taken(self, raw: list[RawStep]) -> StepsTaken:
        steps, changes = [], []
        for index, one in enumerate(raw):
            step = self._revised(one) if self._revises else self._grown(one)
            steps.append(step)
            changes += [replace(change, step=index) for change in self._streams.changes(step)]
        return StepsTaken(self._lane, self._repeat, tuple(steps), tuple(changes))

    def _grown(self, raw: RawStep) -> Step:
        ids: dict[int, tuple[int, ...]] = {}
        for row, tokens in enumerate(raw.rows):
            if self._ended[row] or not tokens:
                continue
            ids[row] = tuple(until_end(tokens, self._ends))
            self._ended[row] = ids[row][-1] in self._ends
        return Step(t_s=raw.t_s, wall_s=raw.wall_s, token_ids=ids, resumed=raw.resumed)

    def _revised(self, raw: RawStep) -> Step:
        keep: dict[int, int] = {}
        ids: dict[int, tuple[int, ...]] = {}
        for row, best in enumerate(raw.rows):
            if best == self._best[row]:
                continue
            keep[row] = _common(self._best[row], best)
            ids[row] = tuple(best[keep[row] :])
            self._best[row] = best
        return Step(t_s=raw.t_s, wall_s=raw.wall_s, token_ids=ids, keep=keep, resumed=raw.resumed)


def _common(before: list[int], after: list[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after)))
