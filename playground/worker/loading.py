"""A model's base in memory: loaded as asked, read back to be sure, warmed up once.

The order is what keeps bitsandbytes' 4-bit weights right on CPUs with AVX512-BF16, whose first forward repacks them in place:
load → merge an adapter → save the pre-quantized copy → one forward → only then use (see `load_base`).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from safetensors import SafetensorError
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel
from transformers.models.falcon import modeling_falcon
from transformers.utils import logging as transformers_logging

from playground.models.folders import StatusCallback
from playground.spec.variant import Variant
from playground.spec.weights import Weights
from playground.timeline.facts import LaneFacts
from playground.timeline.trace import LoadKind
from playground.worker.adapters import Adapter, load_adapter, merge, merged_facts
from playground.worker.device import Device, is_out_of_memory
from playground.worker.prequantized import Copies, CopyError, DamagedCopy

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_HEAVY = re.compile(r"attention|linear|::(addmm|mm|bmm|baddbmm|matmul|_?softmax)$")
_LEAST_QUANTIZED = 0.9
"""Less than this and a label like nf4 would not say what runs."""


class LoadError(Exception):
    """A variant cannot be loaded, or is not what was asked; one sentence for the reader."""


@dataclass(frozen=True, slots=True)
class BaseSpec:
    """What a base is, defaults filled in: two lanes with equal specs share one base. `fingerprint`: of the model's files."""

    fingerprint: str
    weights: Weights
    attention: str
    merged: str | None = None
    """The key of the adapter that is merged into it; such a base is a private copy."""

    @classmethod
    def of(cls, fingerprint: str, variant: Variant, merged: str | None = None) -> BaseSpec:
        return cls(fingerprint, variant.weights.filled(), variant.runtime.load_arguments()["attn_implementation"], merged)

    @property
    def source(self) -> str:
        """What it is made from: the model's files, and the merged adapter's."""
        return f"{self.fingerprint}+{self.merged}" if self.merged else self.fingerprint

    @property
    def dtype(self) -> torch.dtype:
        """Of everything that is not quantized."""
        return DTYPES[self.weights.dtype]

    @property
    def precision(self) -> str:
        return self.weights.scheme

    @property
    def quantized(self) -> bool:
        return self.weights.quantized

    @property
    def compute(self) -> str | None:
        return getattr(self.weights, "compute", None)

    @property
    def threshold(self) -> float | None:
        return getattr(self.weights, "threshold", None)

    @property
    def double_quant(self) -> bool | None:
        return getattr(self.weights, "double_quant", None)

    def quantization_config(self) -> BitsAndBytesConfig | None:
        recipe = self.weights.recipe()
        return BitsAndBytesConfig(**recipe.arguments) if recipe.config else None


@dataclass(frozen=True, slots=True)
class Base:
    model: PreTrainedModel
    kind: LoadKind
    memory_bytes: int
    facts: LaneFacts


def quiet_libraries() -> None:
    """int8 logs a cast warning on every call (210 a forward), which would be timed; progress bars and notices are not the reader's."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def load_base(folder: Path, spec: BaseSpec, device: Device, copies: Copies, say: StatusCallback, merging: Adapter | None = None) -> Base:
    """The base, ready to run: loaded (from the pre-quantized copy if there is one), read back, an adapter merged in, warmed up.

    Raises LoadError, AdapterError; torch.OutOfMemoryError when there was no room after all.
    """
    try:
        model, kind, facts = _from_disk(folder, spec, device, copies, say, merging)
        say("first forward")
        _first_forward(model, device)
        began = time.perf_counter()
        operators = LaneFacts(kernels=_operators(model, device), read_back_s=time.perf_counter() - began)
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise torch.OutOfMemoryError(f"no room to load {folder.name!r} as {spec.precision}") from None
        raise
    return Base(model, kind, tensor_bytes(model), facts | _packing_facts(model) | operators)


Read = tuple[PreTrainedModel, LoadKind, LaneFacts]
"""A model that has not run yet, where it came from, and what was read back from it."""


def _from_disk(folder: Path, spec: BaseSpec, device: Device, copies: Copies, say: StatusCallback, merging: Adapter | None) -> Read:
    quantization = spec.quantization_config()
    if quantization is None:
        say("loading")
        read = _loaded(folder, spec, device, "cold")
        return read if merging is None else _merged(read, spec, device, say, merging)
    copy = copies.find(spec.source, spec.weights)
    if copy is not None:
        say(f"loading the {spec.precision} copy")
        try:
            copies.check(copy)
            # No quantization_config here: an explicit None would wipe the one stored with the copy.
            model, kind, facts = _loaded(copy, spec, device, "prequantized")
            return model, kind, facts if merging is None else facts | merged_facts(load_adapter(model, merging, spec.dtype, device))
        except (LoadError, DamagedCopy):
            say(f"the {spec.precision} copy was damaged and is made again")
            copies.discard(copy)
    if merging is None:
        say(f"quantizing to {spec.precision}")
        read = _loaded(folder, spec, device, "cold", quantization_config=quantization)
    else:
        read = _merged(_from_disk(folder, replace(spec, merged=None), device, copies, say, None), spec, device, say, merging)
    return _kept(read, folder, spec, copies, say, merging.name if merging else "")


def _merged(read: Read, spec: BaseSpec, device: Device, say: StatusCallback, adapter: Adapter) -> Read:
    """The model with the adapter in its own weights, read back once more."""
    model, kind, facts = read
    say(f"merging {adapter.name}")
    told = merge(model, load_adapter(model, adapter, spec.dtype, device))
    return model, kind, facts | told | _read_back(model, spec, device)


def _kept(read: Read, folder: Path, spec: BaseSpec, copies: Copies, say: StatusCallback, adapter: str) -> Read:
    """Writes the copy for the next time; a load that cannot is said and goes on."""
    model, kind, facts = read
    began = time.perf_counter()
    try:  # before any forward, which would repack 4-bit weights
        copies.keep(model, tensor_bytes(model), folder, spec.source, spec.weights, adapter)
    except CopyError as error:
        say(str(error))
        facts |= LaneFacts(copy_error=str(error))
    return model, kind, facts | LaneFacts(copy_s=(facts.copy_s or 0.0) + time.perf_counter() - began)


def _loaded(folder: Path, spec: BaseSpec, device: Device, kind: LoadKind, **how: Any) -> Read:
    model = _from_pretrained(folder, spec, device, **how)
    model.eval()
    _honour_compute(model, spec)
    return model, kind, _read_back(model, spec, device)


def _from_pretrained(folder: Path, spec: BaseSpec, device: Device, **how: Any) -> PreTrainedModel:
    failed_before = device.out_of_memory_count()
    try:
        with _plain_linear_layers():
            model, found = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=spec.dtype,
                device_map={"": device.name},
                attn_implementation=spec.attention,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **how,
            )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, RuntimeError, ImportError, KeyError, AssertionError, SafetensorError) as error:
        # On CUDA transformers wraps it in an error of its own while it quantizes.
        if is_out_of_memory(error) or device.out_of_memory_count() > failed_before:
            raise torch.OutOfMemoryError(f"no room to load {folder.name!r} as {spec.precision}") from None
        raise LoadError(f"the model in {folder.name!r} could not be loaded as {spec.precision}: {first_line(error)}") from error
    for what in ("missing_keys", "mismatched_keys"):
        if keys := sorted(map(str, found.get(what) or ())):
            raise LoadError(f"the model in {folder.name!r} is incomplete: {len(keys)} {what.replace('_', ' ')}, the first is {keys[0]!r}")
    return model


@contextmanager
def _plain_linear_layers() -> Iterator[None]:
    """Falcon's linear layers are a subclass of torch's, which bitsandbytes passes over in silence; meanwhile they are torch's own.

    They compute the same: input times transposed weight, plus bias.
    """
    own = modeling_falcon.FalconLinear
    modeling_falcon.FalconLinear = torch.nn.Linear
    try:
        yield
    finally:
        modeling_falcon.FalconLinear = own


def first_line(error: BaseException) -> str:
    """The first line of an error's text, for one sentence."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _honour_compute(model: PreTrainedModel, spec: BaseSpec) -> None:
    """bitsandbytes' fused kernel for AVX512-BF16 CPUs computes in bf16 whatever was asked; with another dtype asked, switch it off."""
    if spec.compute not in (None, "bf16"):
        for module in model.modules():
            if isinstance(module, Linear4bit):
                module.support_avx512bf16_for_cpu = False


def _read_back(model: PreTrainedModel, spec: BaseSpec, device: Device) -> LaneFacts:
    """What is really there, before the first forward. Raises LoadError if it is not what was asked."""
    eight, four = _modules(model, Linear8bitLt), _modules(model, Linear4bit)
    asked_eight, asked_four = spec.precision == "int8", spec.precision in ("nf4", "fp4")
    _must(bool(eight) == asked_eight and bool(four) == asked_four, spec, f"{len(eight)} int8 and {len(four)} 4-bit modules were found")
    _must(all(m.weight.quant_type == spec.precision for m in four), spec, "the 4-bit type is another")
    _must(all(m.compute_dtype == DTYPES[spec.compute or "bf16"] for m in four), spec, "the compute dtype is another")
    _must(all(m.weight.quant_state.nested == spec.double_quant for m in four), spec, "double quantization is not as asked")
    _must(all(m.state.threshold == spec.threshold for m in eight), spec, "the int8 threshold is another")
    share = _quantized_share(model, eight + four)
    _must(not spec.quantized or share >= _LEAST_QUANTIZED, spec, f"only {share:.0%} of the layers' weights were quantized")
    kept = [name for name, p in model.named_parameters() if p.dtype == torch.float32 and _is_kept_in_fp32(model, name)]
    rest = {p.dtype for name, p in model.named_parameters() if p.dtype.is_floating_point and name not in kept}
    _must(rest <= {spec.dtype}, spec, f"weights were found in {', '.join(sorted(str(dtype) for dtype in rest))}")
    _must(all(p.device.type == device.torch.type for p in model.parameters()), spec, f"some weights are not on {device.name}")
    attention = model.config._attn_implementation
    _must(attention == spec.attention, spec, f"attention is {attention}, not {spec.attention}")
    return LaneFacts(
        dtype=str(spec.dtype).removeprefix("torch."),
        quantized_modules=len(eight) + len(four),
        quantized_share=round(share, 4) if spec.quantized else None,
        kept_in_fp32=len(kept) if spec.dtype != torch.float32 else 0,
        generation_defaults=_generation_defaults(model),
        attention=attention,
        threshold=spec.threshold,
        compute_dtype=spec.compute,
        double_quant=spec.double_quant,
        architecture=type(model).__name__,
        device=device.name,
    )


def _quantized_share(model: PreTrainedModel, modules: list[Any]) -> float:
    """Of the layers' matrices (not embeddings and output head) the share that is quantized; stacked experts, say, are not."""
    quantized = sum(module.in_features * module.out_features for module in modules)
    done = {id(module.weight) for module in modules}
    outside = {id(part.weight) for part in (model.get_input_embeddings(), model.get_output_embeddings()) if part is not None}
    left = sum(p.numel() for p in model.parameters() if p.ndim >= 2 and id(p) not in done | outside)
    return quantized / (quantized + left) if quantized + left else 0.0


def _is_kept_in_fp32(model: PreTrainedModel, name: str) -> bool:
    """Whether the architecture itself asks for this parameter in fp32 (a router's gate, say)."""
    patterns = {*(model._keep_in_fp32_modules or ()), *(model._keep_in_fp32_modules_strict or ())}
    return any(pattern in name for pattern in patterns)


def _generation_defaults(model: PreTrainedModel) -> dict[str, Any]:
    """What the model's own generation config sets: `generate` takes from it what a lane does not say, a repetition penalty for instance."""
    return {name: value for name, value in model.generation_config.to_diff_dict().items() if not name.startswith(("_", "transformers"))}


def _packing_facts(model: PreTrainedModel) -> LaneFacts:
    """What the first forward made of 4-bit weights: repacked for the CPU's fused bf16 kernel or not."""
    four = _modules(model, Linear4bit)
    packed = [bool(getattr(module.weight.quant_state, "packing_format_for_cpu", False)) for module in four]
    return LaneFacts(packed_for_cpu=all(packed)) if four else LaneFacts()


def _must(so: bool, spec: BaseSpec, found: str) -> None:
    if not so:
        raise LoadError(f"{spec.precision} was asked, but {found}; nothing was run")


def _modules(model: torch.nn.Module, kind: type) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, kind)]


@torch.no_grad()
def _first_forward(model: PreTrainedModel, device: Device) -> None:
    """Two tokens, so that what happens once (repacking, kernel choice) happens in the load and not in somebody's TTFT."""
    model(input_ids=torch.zeros((1, 2), dtype=torch.long, device=device.torch))
    device.synchronize()


@torch.no_grad()
def _operators(model: PreTrainedModel, device: Device) -> tuple[str, ...]:
    """Those that do the matrix products and the attention, in a prompt of two tokens and in one more token after it."""
    ids = torch.zeros((1, 2), dtype=torch.long, device=device.torch)
    with _Operators() as operators:
        cache = model(input_ids=ids, use_cache=True).past_key_values
        model(input_ids=ids[:, :1], past_key_values=cache, use_cache=True)
    device.synchronize()
    return tuple(sorted(operators.names))


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operators that are dispatched while it is on; those that take the time, not the additions between them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(operator.name())
        if name.startswith("bitsandbytes::") or _HEAVY.search(name.partition(".")[0]):
            self.names.add(name)
        return operator(*args, **(kwargs or {}))


def tensor_bytes(model: torch.nn.Module) -> int:
    """The bytes of all tensors a model holds, quantization state included; storage shared by several is counted once."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors_of(model)}
    return sum(storages.values())


def tensors_of(model: torch.nn.Module) -> Iterator[torch.Tensor]:
    """All tensors a model holds, quantization state included."""
    yield from model.parameters()
    yield from model.buffers()
    for module in model.modules():
        if isinstance(module, Linear8bitLt):
            yield from _state_tensors(module.state)
        elif isinstance(module, Linear4bit):
            yield from _state_tensors(module.weight.quant_state)


def _state_tensors(state: object) -> Iterator[torch.Tensor]:
    """The tensors among a quantization state's attributes, one level of nested state included."""
    for value in vars(state).values():
        if isinstance(value, torch.Tensor):
            yield value
        elif type(value) is type(state):
            yield from _state_tensors(value)
