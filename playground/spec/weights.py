"""How a model's numbers are stored: one class a scheme, with the options it has.

A scheme says what is made from a model's files as plain data (`recipe`): the loader, the key of the pre-quantized copy, the estimate of
memory and the script that repeats a lane are all worked out from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import Field

from playground.spec.values import Option, Optioned

Dtype = Literal["fp32", "bf16", "fp16"]
DTYPES: Mapping[Dtype, str] = MappingProxyType({"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"})
"""torch's names."""
ITEM_BYTES: Mapping[Dtype, int] = MappingProxyType({"fp32": 4, "bf16": 2, "fp16": 2})
Plain = str | float | bool | None
_BLOCK = 64
"""Weights that share one scale, in bitsandbytes' 4-bit formats."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How weights are made from a model's files, as plain data and with every default filled in."""

    dtype: Dtype
    """Of everything that is not quantized, and of activations."""
    config: str = ""
    """The class of transformers that configures the quantizer; "": nothing is quantized."""
    arguments: Mapping[str, Plain] = field(default_factory=dict)
    """What it is made with; dtypes by torch's names."""
    module_flags: Mapping[str, bool] = field(default_factory=dict)
    """Attributes to be set, before anything runs, on every module that has them."""
    flags_reason: str = ""
    noisy_logger: str = ""
    """The library's logger that warns at every call, which would be timed."""


class Weights(Optioned):
    """Numbers stored by one scheme."""

    scheme: ClassVar[str]
    """Its name in lane text."""
    family: ClassVar[str] = "plain"
    """Which module of `worker/schemes` loads it."""
    requires: ClassVar[tuple[str, ...]] = ()
    """Packages it needs beside torch and transformers."""
    quantized: ClassVar[bool] = False

    @property
    def dtype(self) -> Dtype:
        """Of everything that is not quantized. bf16 beside int8 and 4-bit weights: the CPU's fused 4-bit kernel takes no other."""
        return "bf16"

    @property
    def bits(self) -> float:
        """Bits that a weight of a linear layer takes, scales of blocks included."""
        return 8.0 * ITEM_BYTES[self.dtype]

    @property
    def output_bytes(self) -> int:
        """What each output of a linear layer takes besides, for a scale of its own."""
        return 0

    def recipe(self) -> Recipe:
        return Recipe(self.dtype)

    def __str__(self) -> str:
        options = self.written()
        return f"{self.scheme}{f'[{options}]' if options else ''}"


SCHEMES: dict[str, type[Weights]] = {}
"""By name, in the order in which they are offered."""

W = TypeVar("W", bound=Weights)


def register(scheme: type[W]) -> type[W]:
    """Makes a scheme known everywhere; a decorator."""
    SCHEMES[scheme.scheme] = scheme
    return scheme


def schemes_with(option: str) -> tuple[str, ...]:
    """The names of the schemes that have this option."""
    return tuple(name for name, scheme in SCHEMES.items() if option in scheme.options())


@register
class Fp32(Weights):
    scheme = "fp32"

    @property
    def dtype(self) -> Dtype:
        return "fp32"


@register
class Bf16(Weights):
    scheme = "bf16"


@register
class Fp16(Weights):
    scheme = "fp16"

    @property
    def dtype(self) -> Dtype:
        return "fp16"


class _BitsAndBytes(Weights):
    family = "bitsandbytes"
    requires = ("bitsandbytes",)
    quantized = True


@register
class Int8(_BitsAndBytes):
    """LLM.int8(): 8 bits, and inputs beyond the threshold computed apart in 16."""

    scheme = "int8"
    threshold: Annotated[Annotated[float, Field(ge=0, le=1000)] | None, Option(6.0)] = None

    @property
    def bits(self) -> float:
        return 8.0

    @property
    def output_bytes(self) -> int:
        return 4

    def recipe(self) -> Recipe:
        arguments = {"load_in_8bit": True, "llm_int8_threshold": self.filled().threshold}
        return Recipe(self.dtype, "BitsAndBytesConfig", arguments, noisy_logger="bitsandbytes")


class _FourBit(_BitsAndBytes):
    double_quant: Annotated[bool | None, Option(False)] = None
    """Whether the scales of blocks are quantized too."""
    compute: Annotated[Dtype | None, Option("bf16")] = None
    """The dtype that products are computed in."""

    @property
    def bits(self) -> float:
        """4, and for each block an fp32 scale, or a doubly quantized one of 1.016 bytes."""
        return 4 + 8 * (1.016 if self.double_quant else 4) / _BLOCK

    def recipe(self) -> Recipe:
        """Every field said: bitsandbytes' own defaults (fp4, fp32 compute) are not what "4-bit" usually means."""
        filled = self.filled()
        arguments: dict[str, Plain] = {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": self.scheme,
            "bnb_4bit_compute_dtype": DTYPES[filled.compute or "bf16"],
            "bnb_4bit_use_double_quant": filled.double_quant,
        }
        flags = {} if filled.compute == "bf16" else {"support_avx512bf16_for_cpu": False}
        reason = "CPUs with AVX512-BF16 would compute in bf16, whatever was asked" if flags else ""
        return Recipe(self.dtype, "BitsAndBytesConfig", arguments, flags, reason)


@register
class Nf4(_FourBit):
    scheme = "nf4"


@register
class Fp4(_FourBit):
    scheme = "fp4"
