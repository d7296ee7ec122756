"""The page's modules that need no page, by Node's own test runner; without Node they are left out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parent / "browser_units").glob("*.test.mjs"))
LEAST_NODE = (20, 19)
"""From which on Node takes a file with `import` for a module without being told."""


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node is not installed")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, version.lstrip("v").split(".")[:2])) < LEAST_NODE:
        pytest.skip(f"Node {version.strip()} is too old")
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units(node: str, unit: Path) -> None:
    done = subprocess.run([node, "--test", "--no-warnings", str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
