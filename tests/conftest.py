"""What all tests share: a Hypothesis profile that is the same everywhere and leaves nothing behind, and models that are made once."""

from __future__ import annotations

import os
from pathlib import Path

# `pytest.approx` looks for numpy among the loaded modules, and a run of several repeats imports it in a thread: half of it is no numpy.
import numpy  # noqa: F401
import pytest
from hypothesis import HealthCheck, settings

from playground.settings import Settings
from playground.spec.names import EMBEDDED_MODEL

# One thread for torch, in this process and in those it starts: pytest has a process for each core, and OpenMP's threads that wait for a
# core which another has spin in vain. It must stand before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Two shared cores: no deadline, or a busy neighbour fails a test; derandomized, so a failure in one place is a failure in all.
settings.register_profile("playground", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("playground")


@pytest.fixture(scope="session")
def embedded() -> Path:
    """The embedded model's folder, as `make setup` brought it."""
    from playground.worker.embedded import bring_model

    return bring_model(EMBEDDED_MODEL, Settings.read().cache_dir, lambda text: None)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_models import random_llama  # imports torch

    return random_llama(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def mid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 9.8 MB in fp32, 4.9 in bf16, 2.8 in int8 and 1.5 in nf4, where sizes and budgets matter."""
    from tests.tiny_models import random_llama

    return random_llama(tmp_path_factory.mktemp("models") / "mid", hidden=256, layers=4)


@pytest.fixture(scope="session")
def mid_lora(mid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_models import random_lora

    return random_lora(mid, tmp_path_factory.mktemp("adapters") / "mid-lora")


@pytest.fixture(scope="session")
def tiny_lora(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_models import random_lora

    return random_lora(tiny, tmp_path_factory.mktemp("adapters") / "tiny-lora")
