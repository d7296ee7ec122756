"""A recording's JSON, read: whatever file it is, it is a recording whose timelines hold together, or one sentence says what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json, to_json

from playground.analysis.metrics import measure
from playground.errors import InputError
from playground.recordings.upgrade import upgrade
from playground.timeline.trace import SCHEMA, Recording, Step

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
        recording = Recording.model_validate_json(_up_to_date(content, version))
    except ValidationError as error:
        raise InputError(option, f"{name!r} {_misfit(error, version)}") from None
    if (wrong := _inconsistent(recording)) is not None:
        raise InputError(option, f"{name!r} is damaged: {wrong}; allowed: a recording as it was written")
    return _measured_again(recording)


def _up_to_date(content: bytes, schema: int) -> bytes:
    if schema == SCHEMA:
        return content
    document = from_json(content)
    upgrade(document, schema)
    return to_json(document)


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


def _measured_again(recording: Recording) -> Recording:
    """Figures are of today's definitions, whatever wrote the file."""
    lanes = [
        lane.model_copy(update={"repeats": tuple(replace(one, metrics=measure(one)) for one in lane.repeats)}) for lane in recording.lanes
    ]
    return recording.model_copy(update={"lanes": tuple(lanes)})


def _inconsistent(recording: Recording) -> str | None:
    """What cannot be of any run, in a few words."""
    for number, lane in enumerate(recording.lanes, start=1):
        for repeat in lane.repeats:
            rows = len(repeat.output_ids)
            counts = {len(repeat.finish), len(repeat.texts), len(repeat.prompt_tokens)}
            if counts - {rows} or not all(_fits(step, rows) for step in repeat.steps):
                return f"the rows of lane {number} do not agree"
            times = [repeat.tokenize_s, *(step.t_s for step in repeat.steps), repeat.end_s]
            if times[0] < 0 or times != sorted(times):
                return f"the times of lane {number} are out of order"
    return None


def _fits(step: Step, rows: int) -> bool:
    """Whether the step is of these rows only."""
    return step.token_ids.keys() <= set(range(rows)) and (step.keep is None or step.keep.keys() == step.token_ids.keys())
