"""What every lane gets to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator

from playground.errors import InputError
from playground.spec.knobs import TEXT_BREAK, Knob, Line
from playground.spec.lane import MAX_BATCH
from playground.spec.values import Value

DEFAULT_PROMPT = "Why is the sky blue?"


class Workload(Value):
    """What every lane gets to answer: the prompts, and how each reaches the model."""

    prompts: Annotated[
        tuple[str, ...],
        Field(min_length=1, max_length=MAX_BATCH),
        Knob(
            "Prompt",
            "Replaces the preset's; repeat it to fill the rows of a batch.",
            label=f"Prompt; several for a batch: a line of {TEXT_BREAK} between them",
            name="prompt",
            place="top",
            in_script=True,
            line=Line(""),
        ),
    ] = (DEFAULT_PROMPT,)
    system: Annotated[
        str | None,
        Knob(
            "System prompt", "A system prompt.", placeholder="none", place="more", in_script=True, line=Line("system prompt", always=False)
        ),
    ] = None
    chat: Annotated[
        bool,
        Knob(
            "Chat template",
            "The prompt as it stands, not through the model's chat template.",
            option="--raw",
            place="nowhere",
            in_script=True,
        ),
    ] = True
    """Through the model's chat template when it has one; off: the prompt as it stands."""

    @field_validator("prompts")
    @classmethod
    def _no_empty_prompt(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        for index, prompt in enumerate(prompts):
            if not prompt.strip():
                raise InputError("prompts", f"prompt {index + 1} is empty; give at least one word")
        return prompts


def with_workload(document: Any) -> Any:
    """The document of a run or a preset with the fields of `Workload` under `workload`.

    Presets write them beside the lanes, as recordings of schema 1 and 2 do. One that stands there goes before the same one in
    `workload`.
    """
    if not isinstance(document, Mapping):
        return document
    flat = {name: document[name] for name in Workload.model_fields if name in document}
    if not flat:
        return document
    given = document.get("workload") or {}
    below = given.model_dump(exclude_unset=True) if isinstance(given, Workload) else given
    rest = {name: value for name, value in document.items() if name not in flat}
    return rest | {"workload": {**below, **flat}}
