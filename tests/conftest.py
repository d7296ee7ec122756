"""What all tests share: a Hypothesis profile that is the same everywhere and leaves nothing behind, and models that are made once."""

from __future__ import annotations

from pathlib import Path

# `pytest.approx` looks for numpy among the loaded modules, and a run of several repeats imports it in a thread: half of it is no numpy.
import numpy  # noqa: F401
import pytest
from hypothesis import HealthCheck, settings

from playground.settings import Settings
from playground.spec.names import EMBEDDED_MODEL

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
def tiny_lora(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_models import random_lora

    return random_lora(tiny, tmp_path_factory.mktemp("adapters") / "tiny-lora")
