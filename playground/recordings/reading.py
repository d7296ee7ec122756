"""A recording's JSON, read: whatever file it is, it is a recording whose timelines hold together, or one sentence says what is wrong."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from playground.errors import InputError
from playground.recordings.schema import SCHEMA, LaneRecord, Recording
from playground.recordings.upgrade import upgrade
from playground.timeline.trace import RowText, Step, Trace, UnfinishedTrace

MAX_BYTES = 64_000_000
"""Nine lanes, a hundred repeats and a few hundred tokens each stay below."""
NOT_ONE = "is not a recording of this playground; allowed: a file that `run --json` or the page’s download wrote"


class _Head(BaseModel):
    """What tells a recording from other JSON, whatever its version."""

    schema_version: int = Field(alias="schema", strict=True, ge=1)
    lanes: list[object]


def read_recording(path: Path, option: str = "recording") -> Recording:
    """Raises InputError, about `option`."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(option, f"{path.name!r} {_too_large(path.stat().st_size)}")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(option, f"{str(path)!r} cannot be read: {(error.strerror or str(error)).lower()}") from None
    return parse_recording(content, path.name, option)


def parse_recording(content: bytes, name: str, option: str = "recording") -> Recording:
    """The recording of a file's content; `name` is what the file is called. Raises InputError, about `option`."""
    if len(content) > MAX_BYTES:
        raise InputError(option, f"{name!r} {_too_large(len(content))}")
    try:
        version = _Head.model_validate_json(content).schema_version
    except ValidationError as error:
        raise InputError(option, f"{name!r} {_no_head(error)}") from None
    if version > SCHEMA:
        raise InputError(option, f"{name!r} has schema {version}, which is newer than this playground; allowed: 1 to {SCHEMA}")
    try:
        recording = _up_to_date(content, version)
    except ValidationError as error:
        raise InputError(option, f"{name!r} {_misfit(error, version)}") from None
    if (wrong := _inconsistent(recording)) is not None:
        raise InputError(option, f"{name!r} is damaged: {wrong}; allowed: a recording as it was written")
    return recording


def _up_to_date(content: bytes, version: int) -> Recording:
    document = from_json(content)
    if version < SCHEMA:
        upgrade(document, version)
    return Recording.model_validate(document)


def _too_large(size_bytes: int) -> str:
    return f"is too large: {size_bytes / 1e6:,.0f} MB; allowed: at most {MAX_BYTES / 1e6:.0f} MB"


def _no_head(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] != "json_invalid":
        return NOT_ONE
    if "EOF" in first["msg"]:
        return "ends in the middle: it was not written or copied whole; allowed: a whole recording"
    return "is not JSON; allowed: a recording as JSON"


def _misfit(error: ValidationError, version: int) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"])) or "the whole"
    return f"does not fit schema {version} at {where}: {first['msg'].lower()}; allowed: a recording as it was written"


def _inconsistent(recording: Recording) -> str | None:
    """What cannot be of any run, in a few words."""
    if tuple(lane.lane for lane in recording.lanes) != recording.request.lanes:
        return "its lanes are not those of its request"
    for number, lane in enumerate(recording.lanes, start=1):
        if not all(_rows_agree(lane, trace) for trace in _traces(lane)):
            return f"the rows of lane {number} do not agree"
        if not all(_in_order(trace) for trace in _traces(lane)):
            return f"the times of lane {number} are out of order"
        if not all(_fits(change, trace) for trace in _traces(lane) for change in trace.changes):
            return f"the texts of lane {number} do not go with its steps"
    return None


def _traces(lane: LaneRecord) -> tuple[Trace | UnfinishedTrace, ...]:
    return lane.repeats if lane.unfinished is None else (*lane.repeats, lane.unfinished)


def _rows_agree(lane: LaneRecord, trace: Trace | UnfinishedTrace) -> bool:
    counts = {len(trace.prompt_tokens)}
    if isinstance(trace, Trace):
        counts |= {len(trace.finish), len(trace.texts), len(trace.output_ids), len(trace.requests) or lane.lane.batch}
    return counts == {lane.lane.batch} and all(_is_of_rows(step, lane.lane.batch) for step in trace.steps)


def _is_of_rows(step: Step, rows: int) -> bool:
    return step.token_ids.keys() <= set(range(rows)) and (step.keep is None or step.keep.keys() == step.token_ids.keys())


def _in_order(trace: Trace | UnfinishedTrace) -> bool:
    times = [trace.tokenize_s, *(step.t_s for step in trace.steps)]
    if isinstance(trace, Trace):
        times.append(trace.end_s)
    return times[0] >= 0 and times == sorted(times)


def _fits(change: RowText, trace: Trace | UnfinishedTrace) -> bool:
    return 0 <= change.row < len(trace.prompt_tokens) and 0 <= change.step < len(trace.steps) and (change.keep or 0) >= 0
