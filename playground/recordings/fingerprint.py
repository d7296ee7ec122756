"""What ran, so that two recordings can say where they differ: machine, code, weights, settings. Pure.

Whatever the environment and the lanes' facts hold is part of it, also what later versions add, but for what says only how things stood
(free memory, residents) or names one recording among others (ids, times, folders).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.formatting import count, size
from playground.recordings.schema import LaneRecord, Recording

Values = Mapping[str, Any]

HOW_IT_STOOD = {
    "memory_free_bytes",
    "memory_used_bytes",
    "memory_other_bytes",
    "memory_budget_bytes",
    "host_budget_bytes",
    "host_used_bytes",
    "copies_bytes",
    "residents",
    "other_devices",
    "hub_reachable",
}
"""Of the environment: no part of what ran."""

TITLES = {
    "versions.python": "Python",
    "kernels_package": "the package kernels",
    "git_commit": "git commit",
    "clock_mhz": "clock, MHz",
    "clock_max_mhz": "highest clock, MHz",
    "cpu": "CPU",
    "cpu_capability": "CPU instructions",
    "cuda.driver": "CUDA driver",
    "cuda.build": "CUDA of the build",
    "cuda.available": "CUDA available",
    "cuda.devices": "CUDA devices",
    "device_name": "device’s name",
    "memory_total_bytes": "memory",
    "kernels": "operators",
    "weights_sha256": "weights (sha256)",
    "tokenizer_sha256": "tokenizer (sha256)",
}
"""Names that are not simply the key's words."""

CLOCK_SHARE = 0.05
"""A clock is never read twice alike: only more than this much apart is a difference."""
LONGEST = 100
"""Characters of a value in a sentence."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Named values: of the whole run, and of each lane."""

    run: Values
    lanes: tuple[Values, ...]


def fingerprint(recording: Recording) -> Fingerprint:
    """What ran, of a recording of any schema."""
    environment = {key: value for key, value in recording.environment.model_dump(mode="json").items() if key not in HOW_IT_STOOD}
    return Fingerprint({**_flat(environment), **_settings(recording)}, tuple(_lane(recording, lane) for lane in recording.lanes))


def _settings(recording: Recording) -> Values:
    request, measure = recording.request, recording.request.measure
    how = measure.model_dump(mode="json") | request.workload.model_dump(mode="json")
    if measure.schedule == "interleaved":
        how["schedule"] = f"interleaved, quantum {measure.quantum_s:g} s"
    # The threads that were asked for stand in the environment as those that were there.
    return {key: value for key, value in how.items() if key not in ("threads", "timeout_s", "agreement", "quantum_s")}


def _lane(recording: Recording, lane: LaneRecord) -> Values:
    model = recording.request.models.get(lane.lane.variant.model or recording.request.model)
    tokens = [list(repeat.prompt_tokens) for repeat in lane.repeats[:1]]
    return {"lane": lane.label, "model": model, "prompt_tokens": tokens[0] if tokens else None, **_flat(lane.facts.model_dump(mode="json"))}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Objects within objects as one, `a.b`; a list of adapters by their place."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        match value:
            case dict():
                found |= _flat(value, f"{prefix}{key}.")
            case [dict(), *_]:
                found |= {
                    name: one for at, inner in enumerate(value, 1) for name, one in _flat(_as_object(inner), f"{prefix}{key}.{at}.").items()
                }
            case _:
                found[f"{prefix}{key}"] = value
    return found


def _as_object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {"value": value}


def differences(first: Recording, second: Recording, pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Every difference in a sentence of few words; `pairs` are the lanes of both, by index, that are compared with one another.

    What all pairs differ in alike is said once. What one of the two does not say is named, not taken for equal.
    """
    one, other = fingerprint(first), fingerprint(second)
    of_lanes: dict[str, list[str]] = {}
    for mine, theirs in pairs:
        where = f"lane {mine + 1}" if mine == theirs else f"lane {mine + 1} against lane {theirs + 1}"
        for sentence in _differ(one.lanes[mine], other.lanes[theirs]):
            of_lanes.setdefault(sentence, []).append(where)
    everywhere = len(pairs)
    grouped = [(where if len(where) < everywhere or everywhere == 1 else ["all lanes"], sentence) for sentence, where in of_lanes.items()]
    return [*_differ(one.run, other.run), *(f"{', '.join(where)}: {sentence}" for where, sentence in grouped)]


def _differ(first: Values, second: Values) -> Iterator[str]:
    shared = [key for key in first if key in second]
    yield from (f"{_title(key)}: {_against(key, first[key], second[key])}" for key in shared if not _alike(key, first[key], second[key]))
    for here, there, which in ((first, second, "second"), (second, first, "first")):
        if missing := dict.fromkeys(_title(_group(key)) for key in here if key not in there and here[key] is not None):
            yield f"the {which} does not say: {', '.join(missing)}"


def _group(key: str) -> str:
    """What a missing value is named by: the object that it would be in, but of versions and CUDA each by itself."""
    return key if key.startswith(("versions.", "cuda.")) else key.partition(".")[0]


def _alike(key: str, one: Any, other: Any) -> bool:
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return abs(one - other) <= CLOCK_SHARE * max(abs(one), abs(other)) if key == "clock_mhz" and numbers else bool(one == other)


def _title(key: str) -> str:
    words = key.removeprefix("versions.").replace(".", " ").replace("_", " ")
    return TITLES.get(key) or _short(words.removesuffix(" sha256") + (" (sha256)" if words.endswith(" sha256") else ""))


def _against(key: str, one: Any, other: Any) -> str:
    """Lists of names by what only one of them has."""
    if _names(one) and _names(other) and (set(one) != set(other)):
        only = [
            (which, [name for name in mine if name not in theirs])
            for which, mine, theirs in (("first", one, other), ("second", other, one))
        ]
        return "; ".join(f"only in the {which}: {_short(', '.join(names))}" for which, names in only if names)
    write = _bytes if key.endswith("_bytes") else _text
    return f"{write(one)} against {write(other)}"


def _names(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(one, str) for one in value)


def _bytes(value: Any) -> str:
    return size(value) if isinstance(value, int) else _text(value)


def _text(value: Any) -> str:
    match value:
        case None:
            return "not known"
        case bool():
            return "yes" if value else "no"
        case str() if len(value) == 64 and set(value) <= set("0123456789abcdef"):
            return f"{value[:8]}…"
        case str():
            return _short(value) or "empty"
        case _:
            return _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    """On one line, and no longer than can be read."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}… ({count(len(line), 'character')})"
