"""What the browser's scripts are checked against: the types of its records, written from those in Python."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from playground.ui.static import HERE, modules
from tools.browser_types import TARGET, declarations, typescript

SETTINGS = HERE / "jsconfig.json"


def test_the_written_types_are_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == declarations(), "run `make types`"


def test_a_type_without_a_counterpart_is_refused() -> None:
    with pytest.raises(TypeError, match="no counterpart"):
        typescript(set[int])


def test_the_scripts_are_sound() -> None:
    """By TypeScript, with the settings of `jsconfig.json`; without it the test is left out."""
    if (compiler := shutil.which("tsc")) is None:
        pytest.skip("TypeScript is not installed")
    done = subprocess.run([compiler, "--project", str(SETTINGS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_script_is_checked() -> None:
    assert [name for name in modules() if not (HERE / name).read_text(encoding="utf-8").startswith("// @ts-check\n")] == []
