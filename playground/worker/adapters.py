"""LoRA adapters: put on a base without reloading it, several in one batch by row, or merged into a base of their own.

Attached, they hang in a second module tree over the *same* tensors, so an adapter costs only its own bytes and any number of lanes
share a base. `PeftModel.from_pretrained` reads the base's state dict, which on a 4-bit base that has already run (and so is repacked
for the CPU's fused kernel) corrupts both. Here PEFT only injects its modules, and the LoRA tensors are assigned directly.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, LoraModel, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import PreTrainedModel

from playground.settings import in_project
from playground.spec.names import random_rank
from playground.timeline.facts import AdapterFacts, LaneFacts
from playground.worker.device import Device
from playground.worker.trees import shared_view

WEIGHTS = "adapter_model.safetensors"
_BASE = "__base__"
"""PEFT's name, among a batch's adapters, for none."""
_UNTRAINED_SEED = 0
# What a plain LoRA's configuration may set; the rest of PEFT's options would need the base's weights or replace some of them.
_PLAIN = (
    *("r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules", "use_rslora", "rank_pattern", "alpha_pattern"),
    *("layers_to_transform", "layers_pattern", "fan_in_fan_out", "task_type"),
)
_MEANINGLESS = ("init_lora_weights", "inference_mode", "base_model_name_or_path", "revision", "auto_mapping", "peft_type", "peft_version")
"""How the adapter was made; says nothing of how it runs."""


class AdapterError(Exception):
    """The adapter cannot be used; one sentence for the reader."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter as asked for. `folder` None: an untrained one of rank `rank`. `key`: changes when its files do."""

    name: str
    folder: Path | None
    key: str
    rank: int | None = None

    @classmethod
    def of(cls, name: str, folder: str | None) -> Adapter:
        """`folder`: where it is; None for one whose name says its rank."""
        rank = random_rank(name) if folder is None else None
        if rank is not None:
            return cls(name, None, name, rank)
        assert folder is not None, "a request knows the folder of every other adapter"
        path = in_project(folder)
        return cls(name, path, adapter_key(path))

    def estimate(self, inputs_and_outputs: int) -> int:
        """Bytes it will take in 16 bits. `inputs_and_outputs`: of all linear layers, added up."""
        if self.rank is not None:
            return 2 * self.rank * inputs_and_outputs
        assert self.folder is not None
        file = self.folder / WEIGHTS
        return file.stat().st_size if file.is_file() else 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """An adapter's tensors on a base's device, in its dtype; shared by all views of that base."""

    adapter: Adapter
    config: LoraConfig
    parameters: dict[str, torch.nn.Parameter]
    """By their place in the model, without PEFT's name of the adapter: `model.layers.0.self_attn.q_proj.lora_A.weight`."""
    sha256: str | None
    """Of the weights' file; None for an untrained one."""
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Attached:
    """The base under adapters, one for all rows of a batch or one a row."""

    model: PreTrainedModel
    facts: LaneFacts
    by_row: _ByRow | None

    @contextmanager
    def only(self, row: int) -> Iterator[PreTrainedModel]:
        """The model for a batch of one, with the adapter that this row has."""
        if self.by_row is None:
            yield self.model
            return
        every = self.by_row.rows
        self.by_row.rows = (every[row],)
        try:
            yield self.model
        finally:
            self.by_row.rows = every


def load_adapter(base: PreTrainedModel, adapter: Adapter, dtype: torch.dtype, device: Device) -> Loaded:
    """The adapter's tensors, fitting this base. Raises AdapterError."""
    if adapter.folder is None:
        return _untrained(base, adapter, dtype, device)
    config, tensors = _read(adapter.folder, adapter.name)
    if broken := next((key for key, tensor in tensors.items() if not torch.isfinite(tensor).all()), None):
        raise AdapterError(f"adapter {adapter.name!r} is damaged: {broken!r} holds numbers that are not finite")
    digest = hashlib.sha256((adapter.folder / WEIGHTS).read_bytes()).hexdigest()
    parameters = {_place(key): _parameter(tensor.to(device.torch, dtype)) for key, tensor in tensors.items()}
    return _loaded(adapter, config, parameters, digest)


def attach(base: PreTrainedModel, rows: Sequence[Loaded | None]) -> Attached:
    """A view of `base` with these adapters on its rows (one for all rows, if it is one); the base stays as it is. Raises AdapterError.

    In a batch of several, each linear layer computes its rows' adapters one after the other (PEFT's mixed batch).
    """
    view = shared_view(base)
    loaded = list({id(one): one for one in rows if one is not None}.values())
    names = {id(one): f"a{number}" for number, one in enumerate(loaded)}
    for one in loaded:
        _inject(view, one, names[id(one)])
    view.eval()
    by_row = tuple(names[id(one)] if one is not None else _BASE for one in rows)
    hook = _ByRow(by_row) if len(by_row) > 1 else None
    if hook is not None:
        for layer in _layers(view):
            layer.register_forward_pre_hook(hook, with_kwargs=True)
    for one in loaded:
        _must_be_active(view, one, names[id(one)], mixed=hook is not None)
    return Attached(view, LaneFacts(adapters=tuple(map(_facts, loaded)), merged=False), hook)


def merge(model: PreTrainedModel, loaded: Loaded) -> LaneFacts:
    """Adds the adapter into the model's own weights; only before its first forward. What was merged, read back. Raises AdapterError.

    int8 and 4-bit weights are dequantized, added to and quantized again, as PEFT does: rounding may swallow some of the adapter.
    """
    tuner = _tuner(model, loaded, "a0")
    _assign(model, loaded, "a0")
    _must_be_active(model, loaded, "a0", mixed=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one for each layer, saying what the docstring says
        tuner.merge_and_unload()
    left = sum(1 for _ in _layers(model))
    if left:
        raise AdapterError(f"adapter {loaded.adapter.name!r} was left unmerged in {left} places; nothing was run")
    return merged_facts(loaded)


def merged_facts(loaded: Loaded) -> LaneFacts:
    """Of a model into which this adapter is merged."""
    return LaneFacts(adapters=(_facts(loaded),), merged=True)


class _ByRow:
    """Tells each LoRA layer which adapter each row has. `rows` are cycled over the sequences of a row (beams)."""

    def __init__(self, rows: tuple[str, ...]) -> None:
        self.rows = rows

    def __call__(self, layer: torch.nn.Module, arguments: tuple[torch.Tensor, ...], more: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        sequences = len(arguments[0]) // len(self.rows)
        return arguments, more | {"adapter_names": [name for name in self.rows for _ in range(sequences)]}


def adapter_key(folder: Path) -> str:
    """Changes when the adapter's files do: one trained anew in the same folder is another adapter."""
    files = [file for name in ("adapter_config.json", WEIGHTS) if (file := folder / name).is_file()]
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


def _read(folder: Path, name: str) -> tuple[LoraConfig, dict[str, torch.Tensor]]:
    if not (folder / "adapter_config.json").is_file():
        raise AdapterError(f"adapter {name!r}: its folder has no adapter_config.json")
    if not (folder / WEIGHTS).is_file():
        pickled = "; its weights are pickled, which is not loaded" if any(folder.glob("*.bin")) else ""
        raise AdapterError(f"adapter {name!r}: its folder has no {WEIGHTS}{pickled}")
    try:
        settings = json.loads((folder / "adapter_config.json").read_text())
        tensors = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise AdapterError(f"adapter {name!r} could not be read: {str(error).splitlines()[0][:300]}") from error
    return _config(settings, name), tensors


def _config(settings: object, name: str) -> LoraConfig:
    """The adapter's LoRA configuration; what would need the base's weights or replace some of them is refused by name."""
    if not isinstance(settings, dict) or settings.get("peft_type") != "LORA":
        raise AdapterError(f"adapter {name!r} is not a LoRA adapter (allowed: peft_type LORA)")
    default = LoraConfig()
    for key, value in settings.items():
        plain = key in _PLAIN + _MEANINGLESS or key not in LoraConfig.__dataclass_fields__ or not value or value == getattr(default, key)
        if not plain:
            raise AdapterError(f"adapter {name!r} uses {key}, which is not supported; allowed: plain LoRA matrices")
    try:
        # Initial values are replaced anyway; some ways to make them (pissa, loftq, …) would rewrite the shared base.
        return LoraConfig(**{key: settings[key] for key in _PLAIN if key in settings}, inference_mode=True)
    except (ValueError, TypeError) as error:
        raise AdapterError(f"adapter {name!r}: its adapter_config.json is not valid: {str(error).splitlines()[0][:300]}") from error


def _untrained(base: PreTrainedModel, adapter: Adapter, dtype: torch.dtype, device: Device) -> Loaded:
    """PEFT's own start, on every linear layer but the output head: A Kaiming-uniform, B zero. It costs what a trained one costs."""
    head, rank = base.get_output_embeddings(), adapter.rank
    assert rank is not None
    linear = {name: module for name, module in base.named_modules() if isinstance(module, torch.nn.Linear) and module is not head}
    random = torch.Generator().manual_seed(_UNTRAINED_SEED)
    parameters: dict[str, torch.nn.Parameter] = {}
    for name, module in linear.items():
        a = torch.empty(rank, module.in_features)
        torch.nn.init.kaiming_uniform_(a, a=5**0.5, generator=random)
        parameters[f"{name}.lora_A.weight"] = _parameter(a.to(device.torch, dtype))
        parameters[f"{name}.lora_B.weight"] = _parameter(torch.zeros(module.out_features, rank, device=device.torch, dtype=dtype))
    config = LoraConfig(r=rank, target_modules=sorted({name.rpartition(".")[2] for name in linear}), inference_mode=True)
    return _loaded(adapter, config, parameters, None)


def _loaded(adapter: Adapter, config: LoraConfig, parameters: dict[str, torch.nn.Parameter], sha256: str | None) -> Loaded:
    return Loaded(adapter, config, parameters, sha256, sum(parameter.nbytes for parameter in parameters.values()))


def _parameter(tensor: torch.Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(tensor, requires_grad=False)


def _inject(view: PreTrainedModel, loaded: Loaded, name: str) -> None:
    try:
        # On the meta device: what is not assigned below is then noticed, not silently random.
        inject_adapter_in_model(loaded.config, view, adapter_name=name, low_cpu_mem_usage=True)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise _unfit(loaded, str(error).splitlines()[0][:300]) from error
    del view.peft_config  # PEFT would warn of several adapters, which is what is wanted
    _assign(view, loaded, name)


def _tuner(model: PreTrainedModel, loaded: Loaded, name: str) -> LoraModel:
    try:
        return LoraModel(model, {name: loaded.config}, name, low_cpu_mem_usage=True)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise _unfit(loaded, str(error).splitlines()[0][:300]) from error


def _assign(model: PreTrainedModel, loaded: Loaded, name: str) -> None:
    places = _lora_parameters(model, name)
    for key, parameter in loaded.parameters.items():
        place = _inside(key, name)
        if place not in places:
            raise _unfit(loaded, f"it has {key!r}, the model has no such place")
        wanted = tuple(places[place].shape)
        if wanted != tuple(parameter.shape):
            raise _unfit(loaded, f"{key!r} is {tuple(parameter.shape)}, the model takes {wanted}")
        owner, _, attribute = place.rpartition(".")
        setattr(model.get_submodule(owner), attribute, parameter)
    missing = [place for place, parameter in _lora_parameters(model, name).items() if parameter.is_meta]
    if missing:
        raise AdapterError(
            f"adapter {loaded.adapter.name!r} is incomplete: {len(missing)} tensors are missing, the first is"
            f" {missing[0].replace(f'.{name}', '')!r}"
        )


def _unfit(loaded: Loaded, why: str) -> AdapterError:
    return AdapterError(f"adapter {loaded.adapter.name!r} does not fit the model: {why}")


def _place(key: str) -> str:
    """Where a tensor of PEFT's file belongs in the model: `base_model.model.X.lora_A.weight` → `X.lora_A.weight`."""
    return key.removeprefix("base_model.model.")


def _inside(place: str, name: str) -> str:
    """The same in a model into which PEFT has put the adapter under a name: `X.lora_A.weight` → `X.lora_A.a0.weight`."""
    head, _, last = place.rpartition(".")
    return f"{head}.{name}.{last}" if last == "weight" else f"{head}.{last}.{name}"


def _lora_parameters(model: PreTrainedModel, name: str) -> dict[str, torch.nn.Parameter]:
    named = ((place, parameter) for place, parameter in model.named_parameters() if ".lora_" in place)
    return {place: parameter for place, parameter in named if name in place.split(".")[-2:]}


def _layers(model: torch.nn.Module) -> Iterator[LoraLayer]:
    return (module for module in model.modules() if isinstance(module, LoraLayer))


def _must_be_active(model: PreTrainedModel, loaded: Loaded, name: str, mixed: bool) -> None:
    """Raises AdapterError when it is not active wherever it is. `mixed`: each row has its own, which is told at each forward."""
    layers = [layer for layer in _layers(model) if name in layer.lora_A]
    active = [one for one in layers if (mixed or one.active_adapters == [name]) and not one.disable_adapters and not one.merged]
    if not layers or len(active) != len(layers):
        raise AdapterError(f"adapter {loaded.adapter.name!r} is active in {len(active)} of {len(layers)} places; nothing was run")


def _facts(loaded: Loaded) -> AdapterFacts:
    targets = loaded.config.target_modules
    return AdapterFacts(
        name=loaded.adapter.name,
        modules=len({place.partition(".lora_")[0] for place in loaded.parameters}),
        rank=loaded.config.r,
        targets=tuple(sorted(targets)) if isinstance(targets, set | list) else targets,
        sha256=loaded.sha256,
    )
