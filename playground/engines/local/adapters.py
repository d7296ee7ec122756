"""LoRA adapters attached to a base: a second module tree over the *same* tensors, so an adapter costs only its own bytes.

`PeftModel.from_pretrained` reads the base's state dict, which on a 4-bit base that has already run (and so is repacked for the
CPU's fused kernel) corrupts both. Here PEFT only injects its modules, and the LoRA tensors are assigned directly.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import PreTrainedModel

from playground.engines.local.device import Device

WEIGHTS = "adapter_model.safetensors"
_NAME = "default"
# What a plain LoRA's configuration may set; the rest of PEFT's options would need the base's weights or replace some of them.
_PLAIN = (
    *("r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules", "use_rslora", "rank_pattern", "alpha_pattern"),
    *("layers_to_transform", "layers_pattern", "fan_in_fan_out", "task_type"),
)
_MEANINGLESS = ("init_lora_weights", "inference_mode", "base_model_name_or_path", "revision", "auto_mapping", "peft_type", "peft_version")
"""How the adapter was made; says nothing of how it runs."""


class AdapterError(Exception):
    """The adapter cannot be attached; one sentence for the reader."""


@dataclass(frozen=True, slots=True)
class Attached:
    """The base under an adapter. `memory_bytes`: the adapter's own tensors."""

    name: str
    model: PreTrainedModel
    memory_bytes: int
    facts: dict[str, Any]


def attach(base: PreTrainedModel, folder: Path, name: str, dtype: torch.dtype, device: Device) -> Attached:
    """A view of `base` with the adapter active; the base itself stays as it is. Raises AdapterError."""
    config, tensors = _read(folder, name)
    view = shared_view(base)
    try:
        # On the meta device: what is not assigned below is then noticed, not silently random.
        inject_adapter_in_model(config, view, adapter_name=_NAME, low_cpu_mem_usage=True)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise AdapterError(f"adapter {name!r} does not fit the model: {str(error).splitlines()[0][:300]}") from error
    _assign(view, tensors, name, dtype, device)
    view.eval()
    return Attached(name, view, sum(p.nbytes for p in _lora_parameters(view).values()), _read_back(view, config, folder, name))


def adapter_key(folder: Path) -> str:
    """Changes when the adapter's files do: one trained anew in the same folder is another adapter."""
    files = [file for name in ("adapter_config.json", WEIGHTS) if (file := folder / name).is_file()]
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


def shared_view(model: PreTrainedModel) -> PreTrainedModel:
    """A second module tree over the same parameters, buffers and quantization states."""
    memo: dict[int, Any] = {id(shared): shared for shared in _shared(model)}
    view: PreTrainedModel = copy.deepcopy(model, memo)
    return view


def _shared(model: PreTrainedModel) -> Iterator[object]:
    yield from model.parameters()
    yield from model.buffers()
    for module in model.modules():
        if isinstance(module, Linear8bitLt):
            yield module.state
        elif isinstance(module, Linear4bit):
            yield module.weight.quant_state
            if module.quant_state is not None:
                yield module.quant_state


def _read(folder: Path, name: str) -> tuple[LoraConfig, dict[str, torch.Tensor]]:
    if not (folder / "adapter_config.json").is_file():
        raise AdapterError(f"adapter {name!r}: there is no adapter_config.json in {str(folder)!r}")
    if not (folder / WEIGHTS).is_file():
        pickled = "; its weights are pickled, which is not loaded" if any(folder.glob("*.bin")) else ""
        raise AdapterError(f"adapter {name!r}: there is no {WEIGHTS} in {str(folder)!r}{pickled}")
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


def _assign(view: PreTrainedModel, tensors: dict[str, torch.Tensor], name: str, dtype: torch.dtype, device: Device) -> None:
    places = _lora_parameters(view)
    for key, tensor in tensors.items():
        place = _place(key)
        if place not in places:
            raise AdapterError(f"adapter {name!r} does not fit the model: it has {key!r}, the model has no such place")
        wanted = tuple(places[place].shape)
        if wanted != tuple(tensor.shape):
            raise AdapterError(f"adapter {name!r} does not fit the model: {key!r} is {tuple(tensor.shape)}, the model takes {wanted}")
        owner, _, attribute = place.rpartition(".")
        value = torch.nn.Parameter(tensor.to(device.torch, dtype), requires_grad=False)
        setattr(view.get_submodule(owner), attribute, value)
    missing = [place for place, parameter in _lora_parameters(view).items() if parameter.is_meta]
    if missing:
        raise AdapterError(f"adapter {name!r} is incomplete: {len(missing)} tensors are missing, the first is {missing[0]!r}")


def _place(key: str) -> str:
    """Where PEFT's file name for a tensor lies in the view: `base_model.model.X.lora_A.weight` → `X.lora_A.default.weight`."""
    head, _, last = key.removeprefix("base_model.model.").rpartition(".")
    return f"{head}.{_NAME}.{last}" if last == "weight" else f"{head}.{last}.{_NAME}"


def _lora_parameters(view: PreTrainedModel) -> dict[str, torch.nn.Parameter]:
    return {name: parameter for name, parameter in view.named_parameters() if ".lora_" in name}


def _read_back(view: PreTrainedModel, config: LoraConfig, folder: Path, name: str) -> dict[str, Any]:
    layers = [module for module in view.modules() if isinstance(module, LoraLayer)]
    active = [layer for layer in layers if layer.active_adapters == [_NAME] and not layer.disable_adapters and not layer.merged]
    if not layers or len(active) != len(layers):
        raise AdapterError(f"adapter {name!r} is active in {len(active)} of {len(layers)} places; nothing was run")
    return {
        "adapter": name,
        "adapter_modules": len(layers),
        "adapter_rank": config.r,
        "adapter_targets": sorted(config.target_modules) if isinstance(config.target_modules, set | list) else config.target_modules,
        "adapter_sha256": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
    }
