"""What all tests share: a Hypothesis profile that is the same everywhere and leaves nothing behind."""

from __future__ import annotations

# `pytest.approx` looks for numpy among the loaded modules, and a run of several repeats imports it in a thread: half of it is no numpy.
import numpy  # noqa: F401
from hypothesis import HealthCheck, settings

# Two shared cores: no deadline, or a busy neighbour fails a test; derandomized, so a failure in one place is a failure in all.
settings.register_profile("playground", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("playground")
