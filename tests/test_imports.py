"""Who reads the environment, held by reading the sources; and what importing really brings in. Who may import whom is in pyproject.toml."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.settings import ROOT

SOURCES = sorted(path.relative_to(ROOT) for path in (ROOT / "playground").rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def reads_environment(tree: ast.AST) -> Iterator[int]:
    """Lines that read the environment; writing a variable for a library to read is something else."""
    nodes = list(ast.walk(tree))
    written = {id(node.value) for node in nodes if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        match node:
            case ast.Attribute(attr="environ" | "environb" | "getenv") if id(node) not in written:
                yield node.lineno
            case ast.ImportFrom(module="os", names=names) if {alias.name for alias in names} & {"environ", "environb", "getenv"}:
                yield node.lineno


@pytest.mark.parametrize("path", [path for path in SOURCES if module_of(path) != "playground.settings"], ids=str)
def test_only_settings_reads_the_environment(path: Path) -> None:
    assert list(reads_environment(ast.parse((ROOT / path).read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import os\nos.environ['A']", [2]),
        ("import os\nos.getenv('A')", [2]),
        ("from os import environ", [1]),
        ("import os\nos.environ['A'] = '1'", []),
    ],
)
def test_reading_the_environment_is_seen(source: str, lines: list[int]) -> None:
    assert list(reads_environment(ast.parse(source))) == lines


@pytest.mark.parametrize(
    "modules",
    ["playground.cli, playground.runs.runner, playground.engines.registry", "playground.engines.local.client", "playground.models.folders"],
)
def test_importing_leaves_the_heavy_ones_out(modules: str) -> None:
    heavy = ("torch", "transformers", "gradio", "peft", "bitsandbytes", "plotly")
    code = f"import sys, {modules}, playground.__main__; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
