"""Who may import what (the design's "May import"), held by reading the sources; and what importing really brings in."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.settings import ROOT

SOURCES = sorted(path.relative_to(ROOT) for path in (ROOT / "playground").rglob("*.py"))
DECODERS = {"torch", "transformers", "peft", "bitsandbytes", "accelerate", "greenlet", "tokenizers", "safetensors", "gguf"}
LOCAL = "playground.engines.local"
OUTSIDE = {f"{LOCAL}.client", f"{LOCAL}.hub", f"{LOCAL}.sources", f"{LOCAL}.decoding", f"{LOCAL}.kept"}
# May load the decoders inside a function that is called on the worker's side of things.
TORCH_FREE_TO_IMPORT = {f"{LOCAL}.sources"}
WORDS = {"playground.spec", "playground.events", "playground.trace"}
FIGURES = WORDS | {"playground.metrics", "playground.view"}

# Exactly what these may import; everything else outside the standard library is refused.
CLOSED = {
    "playground.spec": {"pydantic"},
    "playground.trace": {"pydantic"} | WORDS,
    "playground.events": {"pydantic"} | WORDS,
    "playground.metrics": {"numpy", "scipy"} | WORDS,
    "playground.stats": {"numpy", "scipy", "playground.spec"},
    "playground.figures": {"playground.stats", "playground.trace"},
    "playground.comparison": {"playground.figures", "playground.format", "playground.stats", "playground.trace", "playground.view"},
    "playground.view": {"playground.comparison"} | FIGURES,
    "playground.breakdown": FIGURES,
    "playground.charts": {"plotly", "playground.breakdown", "playground.comparison", "playground.format", "playground.stats"} | FIGURES,
    "playground.forecast": WORDS,
    "playground.runner": {
        "playground.comparison",
        "playground.stats",
        "playground.engines.base",
        "playground.forecast",
        "playground.format",
    }
    | FIGURES,
    "playground.presets": {"pydantic", "yaml", "playground.spec"},
    "playground.reproduce": {"playground.spec", f"{LOCAL}.decoding"},
    "playground.engines.base": WORDS,
}


def module_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported(tree: ast.AST, module: str) -> Iterator[str]:
    """Full names of what a module's source imports, in functions too; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours_and_theirs(names: Iterator[str]) -> set[str]:
    """Our modules by their full name, packages by their first; the standard library left out."""
    modules = {module_of(path) for path in SOURCES}
    found = {name if name.startswith("playground") else name.partition(".")[0] for name in names}
    return {name for name in found if name in modules or (not name.startswith("playground") and name not in sys.stdlib_module_names)}


def imports_of(path: Path) -> set[str]:
    tree: ast.AST = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    if module_of(path) in TORCH_FREE_TO_IMPORT:
        tree = without_functions(tree)
    return ours_and_theirs(imported(tree, module_of(path))) - {"playground"}


def without_functions(tree: ast.AST) -> ast.AST:
    """What runs when the module is imported."""

    class Drop(ast.NodeTransformer):
        def visit_FunctionDef(self, _node: ast.FunctionDef) -> None:
            return None

    return Drop().visit(tree)  # type: ignore[no-any-return]


def refused(module: str, names: set[str]) -> set[str]:
    """What of `names` this module may not import."""
    if module in CLOSED:
        packages = {name.rpartition(".")[0] for name in CLOSED[module]}
        return names - CLOSED[module] - packages
    inside = module.startswith(LOCAL) and module not in OUTSIDE | {LOCAL}
    wrong = set() if inside else names & DECODERS
    if not inside:
        wrong |= {name for name in names if name.startswith(f"{LOCAL}.") and name not in OUTSIDE}
    if not module.startswith("playground.ui"):
        wrong |= names & {"gradio", "fastapi", "starlette"}
    return wrong


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_a_module_imports_only_what_it_may(path: Path) -> None:
    assert refused(module_of(path), imports_of(path)) == set()


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
    ("module", "source", "wrong"),
    [
        ("playground.spec", "import torch", {"torch"}),
        ("playground.metrics", "from playground.runner import Run", {"playground.runner"}),
        ("playground.runner", "def f():\n    import gradio", {"gradio"}),
        ("playground.engines.local.client", "from playground.engines.local import worker", {"playground.engines.local.worker"}),
        ("playground.cli.app", "import gradio as gr", {"gradio"}),
        ("playground.ui.page", "from transformers import AutoTokenizer", {"transformers"}),
        ("playground.ui.page", "import gradio, plotly, playground.runner", set()),
        ("playground.engines.local.pool", "import torch, greenlet", set()),
        ("playground.view", "from playground.metrics import measure\nimport json", set()),
    ],
)
def test_the_rules_can_be_broken(module: str, source: str, wrong: set[str]) -> None:
    if "worker" not in source or "playground.engines.local.worker" in {module_of(path) for path in SOURCES}:
        assert refused(module, ours_and_theirs(imported(ast.parse(source), module)) - {"playground"}) == wrong


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
    ["playground.cli, playground.runner, playground.engines.fleet", "playground.engines.local.client", "playground.engines.local.sources"],
)
def test_importing_leaves_the_heavy_ones_out(modules: str) -> None:
    heavy = ("torch", "transformers", "gradio", "peft", "bitsandbytes", "plotly")
    code = f"import sys, {modules}, playground.__main__; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
