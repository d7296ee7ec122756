"""What was read back from a loaded lane: typed where this version knows a fact, and whatever another engine or version adds beside it.

Facts that nobody stated are left out when they are written, so that "not stated" and "not known" (None) stay two things: a fingerprint
names the first and compares the second. Facts without a field of their own are allowed, as plain JSON values at the same level: files of
other versions read, stay whole when they are written again, and are compared, without a second place to look for what they say.
"""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue, SerializerFunctionWrapHandler, model_serializer


class Facts(BaseModel):
    """Some facts. `a | b` are those of both, b's where both state one."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    __pydantic_extra__: dict[str, JsonValue]

    @property
    def empty(self) -> bool:
        """Whether nothing is stated at all."""
        return not self.model_fields_set

    def __or__(self, other: Self) -> Self:
        return self.model_copy(update={name: value for name, value in other if name in other.model_fields_set})

    @model_serializer(mode="wrap")
    def _stated(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


class AdapterFacts(Facts):
    """One adapter, as it was found in the model."""

    name: str
    rank: int | None = None
    targets: tuple[str, ...] | str | None = None
    """The kinds of layers it is on; PEFT takes a pattern too."""
    modules: int | None = None
    """How many layers it is on."""
    sha256: str | None = None
    """Of its weights' file; None for an untrained one."""
    rows: tuple[int, ...] = ()
    """The rows of the batch that have it."""


class LaneFacts(Facts):
    """What a lane runs, read back from its loaded model; None: not known, or nothing that this lane has."""

    scripted: bool = False
    """No model: a timeline that was written beforehand."""
    architecture: str | None = None
    device: str | None = None
    dtype: str | None = None
    """Of everything that is not quantized."""
    attention: str | None = None
    quantized_modules: int | None = None
    quantized_share: float | None = None
    """Of the layers' matrices, by weights (0 to 1)."""
    kept_in_fp32: int | None = None
    """Parameters that the architecture itself asks for in fp32."""
    threshold: float | None = None
    """Of int8."""
    compute_dtype: str | None = None
    """Of 4-bit weights, as the next two."""
    double_quant: bool | None = None
    packed_for_cpu: bool | None = None
    """Whether the first forward repacked them for the CPU's fused kernel."""
    generation_defaults: dict[str, JsonValue] | None = None
    """What the model's own generation config sets and `generate` takes from it, a repetition penalty for instance."""
    kernels: tuple[str, ...] = ()
    """The operators that do the matrix products and the attention."""
    adapters: tuple[AdapterFacts, ...] = ()
    merged: bool = False
    """The adapter is in the weights themselves."""
    weights_sha256: str | None = None
    tokenizer_sha256: str | None = None
    origin: str | None = None
    """Where the model's files came from."""
    chat_template: bool | None = None
    """Whether the tokenizer has one."""
    read_back_s: float | None = None
    """How long finding `kernels` took, which is no part of the load; likewise writing a pre-quantized copy, in `copy_s`."""
    copy_s: float | None = None
    copy_error: str | None = None
    """Why no copy could be written."""
