"""A model's base in memory: loaded as asked, read back to be sure, warmed up once.

The order is what keeps bitsandbytes' 4-bit weights right on CPUs with AVX512-BF16, whose first forward repacks them in place:
load → merge an adapter → save the pre-quantized copy → one forward → only then use (see `load_base`). What is peculiar to a family of
quantization is in `schemes`.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.falcon import modeling_falcon
from transformers.utils import logging as transformers_logging

from playground.models.folders import StatusCallback
from playground.spec.runtime import DEFAULT_RUNTIME, Runtime
from playground.spec.variant import Variant
from playground.spec.weights import DTYPES, SCHEMES, Weights
from playground.timeline.facts import LaneFacts
from playground.timeline.trace import LoadKind
from playground.worker.adapters import Adapter, Loaded, load_adapter, merge, merged_facts
from playground.worker.device import Device, is_out_of_memory
from playground.worker.failures import LoadError, first_line, must
from playground.worker.prequantized import Copies, CopyError, DamagedCopy
from playground.worker.schemes import family_of
from playground.worker.trees import tensor_bytes, tree_for

_HEAVY = re.compile(r"attention|linear|::(addmm|mm|bmm|baddbmm|matmul|_?softmax)$")
_LEAST_QUANTIZED = 0.9
"""Less than this and a label like nf4 would not say what runs."""


@dataclass(frozen=True, slots=True)
class BaseSpec:
    """What a base is, defaults filled in: lanes with equal specs share one base, whatever their runtimes."""

    fingerprint: str
    """Of the model's files."""
    weights: Weights
    merged: str | None = None
    """The key of the adapter that is merged into it; such a base is a private copy."""

    @classmethod
    def of(cls, fingerprint: str, variant: Variant, merged: str | None = None) -> BaseSpec:
        return cls(fingerprint, variant.weights.filled(), merged)

    @property
    def source(self) -> str:
        """What it is made from: the model's files, and the merged adapter's."""
        return f"{self.fingerprint}+{self.merged}" if self.merged else self.fingerprint

    @property
    def dtype(self) -> torch.dtype:
        """Of everything that is not quantized."""
        dtype: torch.dtype = getattr(torch, DTYPES[self.weights.dtype])
        return dtype


@dataclass(frozen=True, slots=True)
class Tree:
    """A module tree that runs with one runtime, and what was read back from it."""

    model: PreTrainedModel
    facts: LaneFacts


@dataclass(frozen=True, slots=True)
class Base:
    """Weights in memory, and the tree that they were loaded with. `runtime`: that tree's."""

    model: PreTrainedModel
    runtime: Runtime
    kind: LoadKind
    memory_bytes: int
    facts: LaneFacts


def quiet_libraries() -> None:
    """int8 logs a cast warning on every call (210 a forward), which would be timed; progress bars and notices are not the reader's."""
    for noisy in {scheme().recipe().noisy_logger for scheme in SCHEMES.values()} - {""}:
        logging.getLogger(noisy).setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def load_base(
    folder: Path,
    spec: BaseSpec,
    device: Device,
    copies: Copies,
    report_status: StatusCallback,
    merging: Adapter | None = None,
    runtime: Runtime = DEFAULT_RUNTIME,
) -> Base:
    """The base, ready to run: loaded (from the pre-quantized copy if there is one), read back, an adapter merged in, warmed up.

    Raises LoadError, AdapterError; torch.OutOfMemoryError when there was no room after all.
    """
    try:
        model, kind, facts = _Loader(folder, spec, runtime, device, copies, report_status).read(merging)
        report_status("first forward")
        _first_forward(model, device)
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise torch.OutOfMemoryError(_no_room(folder, spec)) from None
        raise
    return Base(model, runtime, kind, tensor_bytes(model), facts | family_of(spec.weights).after_first_forward(model))


def tree_of(base: Base, runtime: Runtime, device: Device) -> Tree:
    """The base as this runtime has it: its own tree, or another over the same tensors. Raises LoadError if it is not what was asked."""
    arguments = runtime.load_arguments()
    model = base.model if arguments == base.runtime.load_arguments() else tree_for(base.model, arguments)
    for option, value in runtime.values():
        if option.read_back and (found := attrgetter(option.read_back)(model)) != value:
            raise LoadError(f"{option.load} is {found}, not {value}; nothing was run")
    began = time.perf_counter()
    kernels = _operators(model, device)
    facts = LaneFacts(attention=model.config._attn_implementation, kernels=kernels, read_back_s=time.perf_counter() - began)
    return Tree(model, facts)


def _no_room(folder: Path, spec: BaseSpec) -> str:
    return f"no room to load {folder.name!r} as {spec.weights.scheme}"


Read = tuple[PreTrainedModel, LoadKind, LaneFacts]
"""A model that has not run yet, where it came from, and what was read back from it."""


@dataclass(frozen=True, slots=True)
class _Loader:
    """One load of a base."""

    folder: Path
    spec: BaseSpec
    runtime: Runtime
    device: Device
    copies: Copies
    report_status: StatusCallback

    def read(self, merging: Adapter | None) -> Read:
        """From the pre-quantized copy, if there is a whole one; else from the model's files, and a copy is kept of what is quantized."""
        if not self.spec.weights.quantized:
            self.report_status("loading")
            read = self._loaded(self.folder, "cold")
            return read if merging is None else self._merged(read, merging)
        if (read_copy := self._copy(merging)) is not None:
            return read_copy
        if merging is None:
            self.report_status(f"quantizing to {self.spec.weights.scheme}")
            read = self._loaded(self.folder, "cold", **family_of(self.spec.weights).load_arguments(self.spec.weights.recipe()))
        else:
            read = self._merged(replace(self, spec=replace(self.spec, merged=None)).read(None), merging)
        return self._kept(read, merging.name if merging else "")

    def _copy(self, merging: Adapter | None) -> Read | None:
        scheme, copy = self.spec.weights.scheme, self.copies.find(self.spec.source, self.spec.weights)
        if copy is None:
            return None
        self.report_status(f"loading the {scheme} copy")
        try:
            self.copies.check(copy)
            # No quantization_config here: an explicit None would wipe the one stored with the copy.
            model, kind, facts = self._loaded(copy, "prequantized")
            return model, kind, facts if merging is None else facts | merged_facts(self._adapter(model, merging))
        except (LoadError, DamagedCopy):
            self.report_status(f"the {scheme} copy was damaged and is made again")
            self.copies.discard(copy)
            return None

    def _adapter(self, model: PreTrainedModel, adapter: Adapter) -> Loaded:
        return load_adapter(model, adapter, self.spec.dtype, self.device)

    def _merged(self, read: Read, adapter: Adapter) -> Read:
        """The model with the adapter in its own weights, read back once more."""
        model, kind, facts = read
        self.report_status(f"merging {adapter.name}")
        merged = merge(model, self._adapter(model, adapter))
        family_of(self.spec.weights).merged(model)
        return model, kind, facts | merged | _read_back(model, self.spec, self.device)

    def _kept(self, read: Read, adapter: str) -> Read:
        """Writes the copy for the next time; a load that cannot is said and goes on."""
        model, kind, facts = read
        began = time.perf_counter()
        try:  # before any forward, which would repack 4-bit weights
            self.copies.keep(model, tensor_bytes(model), self.folder, self.spec.source, self.spec.weights, adapter)
        except CopyError as error:
            self.report_status(str(error))
            facts |= LaneFacts(copy_error=str(error))
        return model, kind, facts | LaneFacts(copy_s=(facts.copy_s or 0.0) + time.perf_counter() - began)

    def _loaded(self, folder: Path, kind: LoadKind, **arguments: Any) -> Read:
        model = _from_pretrained(folder, self.spec, self.device, **self.runtime.load_arguments(), **arguments)
        model.eval()
        for module in model.modules():
            for name, flag in self.spec.weights.recipe().module_flags.items():
                if hasattr(module, name):
                    setattr(module, name, flag)
        return model, kind, _read_back(model, self.spec, self.device)


def _from_pretrained(folder: Path, spec: BaseSpec, device: Device, **arguments: Any) -> PreTrainedModel:
    failed_before = device.out_of_memory_count()
    try:
        with _plain_linear_layers():
            model, found = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=spec.dtype,
                device_map={"": device.name},
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **arguments,
            )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, RuntimeError, ImportError, KeyError, AssertionError, SafetensorError) as error:
        # On CUDA transformers wraps it in an error of its own while it quantizes.
        if is_out_of_memory(error) or device.out_of_memory_count() > failed_before:
            raise torch.OutOfMemoryError(_no_room(folder, spec)) from None
        raise LoadError(f"the model in {folder.name!r} could not be loaded as {spec.weights.scheme}: {first_line(error)}") from error
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


def _read_back(model: PreTrainedModel, spec: BaseSpec, device: Device) -> LaneFacts:
    """What is really there, before the first forward. Raises LoadError if it is not what was asked."""
    family, weights = family_of(spec.weights), spec.weights
    of_family, modules = family.read_back(model, weights), family.modules(model)
    share = _quantized_share(model, modules)
    must(not weights.quantized or share >= _LEAST_QUANTIZED, weights, f"only {share:.0%} of the layers' weights were quantized")
    kept = [name for name, p in model.named_parameters() if p.dtype == torch.float32 and _is_kept_in_fp32(model, name)]
    rest = {p.dtype for name, p in model.named_parameters() if p.dtype.is_floating_point and name not in kept}
    must(rest <= {spec.dtype}, weights, f"weights were found in {', '.join(sorted(str(dtype) for dtype in rest))}")
    must(all(p.device.type == device.torch.type for p in model.parameters()), weights, f"some weights are not on {device.name}")
    return of_family | LaneFacts(
        dtype=DTYPES[weights.dtype],
        quantized_modules=len(modules),
        quantized_share=round(share, 4) if weights.quantized else None,
        kept_in_fp32=len(kept) if spec.dtype != torch.float32 else 0,
        generation_defaults=_generation_defaults(model),
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
