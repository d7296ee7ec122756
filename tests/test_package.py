"""What `pip install .` brings: a wheel is built without a network, unpacked, and used where there is no checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from playground.settings import ROOT

BUILT_FROM = ("playground", "presets", "assets", "pyproject.toml", "setup.py", "requirements.txt", "README.md", "LICENSE")
LOOK = """
from pathlib import Path
import playground.settings, playground.ui.serving, playground.ui.theme
settings = playground.settings.Settings.read()
assert (playground.settings.in_project(settings.adapters["faq"]) / "adapter_model.safetensors").is_file()
assert "--lane-0" in playground.ui.theme.launch_options(settings.cache_dir)["css"]
print(Path(playground.settings.__file__).parent)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `site-packages` is, with the unpacked wheel."""
    folder = tmp_path_factory.mktemp("package")
    source, site = folder / "source", folder / "site"
    source.mkdir()
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    build = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    built = subprocess.run(build, capture_output=True, text=True, check=False, timeout=240)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def python(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site), "PLAYGROUND_CACHE_DIR": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_every_file_of_the_package_is_in_the_wheel(site: Path) -> None:
    for folder, inside in (("playground", "playground"), ("presets", "playground/presets")):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert [path for path in files if not (site / inside / path.relative_to(ROOT / folder)).is_file()] == []
    assert (site / "playground" / "py.typed").is_file()


def test_it_runs_from_anywhere(site: Path, tmp_path: Path) -> None:
    presets = python(site, tmp_path, "-m", "playground", "presets")
    assert (presets.returncode, presets.stderr) == (0, "")
    assert "quickstart" in presets.stdout
    looked = python(site, tmp_path, "-c", LOOK)
    assert looked.stdout.strip() == str(site / "playground"), looked.stderr


def test_its_console_command_is_the_command_line(site: Path, tmp_path: Path) -> None:
    (points,) = site.glob("*.dist-info/entry_points.txt")
    assert "latency-playground = playground.__main__:console" in points.read_text()
    shown = python(
        site, tmp_path, "-c", "import sys; from playground.__main__ import console; sys.argv = ['x', '--help']; sys.exit(console())"
    )
    assert (shown.returncode, shown.stdout.splitlines()[0]) == (0, "Usage: latency-playground [OPTIONS] COMMAND [ARGS]...")
