"""A run, complete: what the runner, the engines and the recording need to know."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from playground.errors import InputError
from playground.spec.explain import explain
from playground.spec.knobs import settings_of
from playground.spec.lane import Lane
from playground.spec.measure import Measure
from playground.spec.names import EMBEDDED_MODEL, MAX_RANK, AdapterName, Name, random_rank
from playground.spec.published import Published
from playground.spec.values import Value
from playground.spec.workload import Workload, with_workload


class RunRequest(Value):
    """A run, complete: what the runner, the engines and the recording need to know."""

    lanes: Annotated[tuple[Lane, ...], Field(min_length=1, max_length=64)]
    workload: Workload = Workload()
    model: Name = EMBEDDED_MODEL
    """The model of lanes that name none."""
    models: dict[Name, str] = Field(default_factory=dict)
    """Name → Hub id, folder, the embedded model's name, or a kind of engine and a colon: `scripted:`."""
    adapters: dict[AdapterName, str] = Field(default_factory=dict)
    """Name → folder of a LoRA adapter in safetensors; one that is not absolute lies in this project."""
    measure: Measure = Measure()
    baseline: Annotated[int, Field(ge=0)] = 0
    """The index of the lane the others are compared with."""
    published: Published | None = None

    _workload = model_validator(mode="before")(with_workload)

    @model_validator(mode="after")
    def _names_known(self) -> RunRequest:
        for lane in self.lanes:
            model = lane.variant.model or self.model
            if model not in self.models:
                raise ValueError(f"lane {str(lane)!r}: model {model!r} is not known (allowed: {_listed(self.models)})")
            for adapter in filter(None, lane.variant.adapters):
                if adapter not in self.adapters and random_rank(adapter) is None:
                    there = ", ".join([*sorted(self.adapters), f"random-r1 to random-r{MAX_RANK}"])
                    raise ValueError(f"lane {str(lane)!r}: adapter {adapter!r} is not known (allowed: {there})")
        return self

    @model_validator(mode="after")
    def _prompts_fit(self) -> RunRequest:
        largest = max(self.lanes, key=lambda lane: lane.batch)
        prompts = len(self.workload.prompts)
        if prompts > largest.batch:
            raise ValueError(
                f"lane {str(largest)!r}: {prompts} prompts do not fit in batch {largest.batch};"
                " allowed: at most as many prompts as the largest batch has rows"
            )
        return self

    @model_validator(mode="after")
    def _baseline_there(self) -> RunRequest:
        if self.baseline >= len(self.lanes):
            raise ValueError(f"baseline: there is no lane of index {self.baseline} (allowed: 0 to {len(self.lanes) - 1})")
        return self

    def rows(self, lane: Lane) -> tuple[str, ...]:
        """The prompt of each row of a lane's batch: the prompts, cycled; a batch of fewer rows gets the first ones."""
        prompts = self.workload.prompts
        return tuple(prompts[row % len(prompts)] for row in range(lane.batch))

    def model_id(self, lane: Lane) -> str:
        """What the model of a lane stands for, one of `models`."""
        return self.models[lane.variant.model or self.model]

    def longer(self, repeats: int) -> RunRequest:
        """The same with so many more repeats. Raises `InputError` when they are more than are allowed."""
        fields = {name: getattr(self, name) for name in RunRequest.model_fields}
        measure = self.measure.model_dump() | {"repeats": self.measure.repeats + repeats}
        return RunRequest.build(**fields | {"measure": measure})

    @classmethod
    def build(cls, **fields: Any) -> RunRequest:
        """The request from plain values. Raises `InputError`, never pydantic's own error."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise InputError("run", explain(error)) from None


def _listed(names: dict[str, str]) -> str:
    return ", ".join(sorted(names)) or "none"


SETTINGS = tuple(settings_of(RunRequest))
"""What can be set of a run, besides its lanes and the names in them."""
