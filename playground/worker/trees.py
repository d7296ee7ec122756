"""Module trees over the same tensors: a base's adapters and its other attentions hang in trees of their own, at no cost in memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from playground.worker.failures import LoadError, first_line
from playground.worker.schemes import states_of


def shared_view(model: PreTrainedModel) -> PreTrainedModel:
    """A second module tree over the same parameters, buffers and quantization states, with a configuration of its own."""
    memo: dict[int, Any] = {id(shared): shared for shared in _shared(model)}
    view: PreTrainedModel = copy.deepcopy(model, memo)
    return view


def tree_for(model: PreTrainedModel, load_arguments: Mapping[str, Any]) -> PreTrainedModel:
    """A tree over the model's tensors as transformers builds it with these arguments of `from_pretrained`. Raises LoadError.

    Most models look their attention up in their configuration at each forward; some (Falcon with flash attention, GPT-Neo) choose
    classes when they are built. So a model is built on the meta device, and what it has other classes for is put into the view.
    """
    view = shared_view(model)
    try:
        with torch.device("meta"):
            built = AutoModelForCausalLM.from_config(copy.deepcopy(view.config), trust_remote_code=False, **load_arguments)
    except (ImportError, ValueError, NotImplementedError) as error:
        raise LoadError(f"{type(model).__name__} cannot be built with {_words(load_arguments)}: {first_line(error)}") from error
    view.config._attn_implementation = built.config._attn_implementation
    for name, module in list(built.named_modules()):
        there = view.get_submodule(name)
        if name and type(module) is not type(there) and any(True for _ in there.children()):
            view.set_submodule(name, _over_the_tensors(module, there))
    return view


def _over_the_tensors(module: torch.nn.Module, there: torch.nn.Module) -> torch.nn.Module:
    """The module with the other's configuration, children, parameters and buffers."""
    for name in ("config", "_modules", "_parameters", "_buffers", "training"):
        if hasattr(there, name):
            setattr(module, name, getattr(there, name))
    return module


def _words(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items())


def _shared(model: PreTrainedModel) -> Iterator[object]:
    yield from model.parameters()
    yield from model.buffers()
    for module in model.modules():
        yield from states_of(module)


def tensor_bytes(model: torch.nn.Module) -> int:
    """The bytes of all tensors a model holds, quantization state included; storage shared by several is counted once."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors_of(model)}
    return sum(storages.values())


def tensors_of(model: torch.nn.Module) -> Iterator[torch.Tensor]:
    """All tensors a model holds, quantization state included."""
    yield from model.parameters()
    yield from model.buffers()
    for module in model.modules():
        for state in states_of(module):
            yield from _state_tensors(state)


def _state_tensors(state: object) -> Iterator[torch.Tensor]:
    """The tensors among a quantization state's attributes, one level of nested state included."""
    for value in vars(state).values():
        if isinstance(value, torch.Tensor):
            yield value
        elif type(value) is type(state):
            yield from _state_tensors(value)
