"""Decodings as the arguments of transformers' `generate`."""

from __future__ import annotations

from typing import Any, assert_never

from playground.spec.decoding import Beam, Decoding, Greedy, MinP, TopK, TopP


def generate_arguments(decoding: Decoding) -> dict[str, Any]:
    """Everything a strategy depends on, said explicitly: `generate` samples with top_k=50 unless told otherwise."""
    match decoding:
        case Greedy():
            return {"do_sample": False, "num_beams": 1}
        case TopK():
            return _sampling(decoding.temperature, top_k=decoding.k)
        case TopP():
            return _sampling(decoding.temperature, top_p=decoding.p)
        case MinP():
            return _sampling(decoding.temperature, min_p=decoding.p)
        case Beam():
            return {"do_sample": False, "num_beams": decoding.num_beams, "length_penalty": decoding.length_penalty}
        case _:
            assert_never(decoding)


def seed_of(decoding: Decoding, run_seed: int) -> int:
    """The lane's own seed if it has one, else the run's."""
    own = getattr(decoding, "seed", None)
    return run_seed if own is None else int(own)


def _sampling(temperature: float, top_k: int = 0, top_p: float = 1.0, min_p: float | None = None) -> dict[str, Any]:
    return {"do_sample": True, "num_beams": 1, "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
