"""What machines and operators read in the README: the Space's front matter, and the one table of settings. And what an image is made of."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from pydantic import AliasChoices

from playground.report.markdown import section_text
from playground.report.sections.meanings import meanings
from playground.settings import ROOT, Settings
from playground.spec.names import EMBEDDED_HUB_ID
from tests.test_space import run, space, started

README = (ROOT / "README.md").read_text(encoding="utf-8")
REQUIREMENTS = {
    one.name: one for line in (ROOT / "requirements.txt").read_text().splitlines() if line[:1].isalpha() for one in [Requirement(line)]
}


@pytest.fixture(scope="module")
def front() -> dict[str, Any]:
    opening, matter, _ = README.split("---\n", 2)
    assert opening == "", "the Hub reads it only at the very top"
    found: dict[str, Any] = yaml.safe_load(matter)
    return found


def test_a_space_starts_this_app_with_versions_that_fit(front: dict[str, Any]) -> None:
    assert (front["sdk"], front["license"], front["pinned"]) == ("gradio", "apache-2.0", False)
    assert front["sdk_version"] in REQUIREMENTS["gradio"].specifier
    assert (ROOT / front["app_file"]).is_file()
    python = re.search(r'^requires-python = ">=(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert python
    assert tuple(map(int, front["python_version"].split("."))) >= tuple(map(int, python[1].split(".")))


def test_what_the_hub_shows_is_there_and_short_enough(front: dict[str, Any]) -> None:
    assert 0 < len(front["short_description"]) <= 60
    assert {front["colorFrom"], front["colorTo"]} <= {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    space_id, path = re.fullmatch(r"https://huggingface\.co/spaces/([^/]+/[^/]+)/resolve/main/(.+)", front["thumbnail"]).groups()  # type: ignore[union-attr]
    assert (ROOT / path).is_file()
    assert set(re.findall(r"https://huggingface\.co/spaces/([\w-]+/[\w-]+)", README)) == {space_id}, "one place to put one's own id"


def test_its_models_are_the_ones_that_are_used(front: dict[str, Any]) -> None:
    assert front["models"] == [EMBEDDED_HUB_ID]
    [preloaded] = front["preload_from_hub"]
    repository, files = preloaded.split(" ")
    assert repository == EMBEDDED_HUB_ID
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= set(files.split(","))


def variable(field: str) -> str:
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"PLAYGROUND_{field.upper()}"


def test_the_table_of_settings_names_every_setting_and_no_other() -> None:
    section = README.partition("\n## Settings\n")[2].partition("\n## ")[0]
    firsts = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    told = {("PLAYGROUND" + name) if name.startswith("_") else name for first in firsts for name in re.findall(r"`(\w+)`", first)}
    variables = set(map(variable, Settings.model_fields))
    assert told == variables


def test_the_table_of_figures_is_the_registrys() -> None:
    assert section_text(meanings()) in README, 'write what section_text(meanings()) gives under "What the numbers mean"'


def test_an_image_holds_what_the_app_needs(tmp_path: Path) -> None:
    """Exactly what .dockerignore lets through, and the app run from there."""
    image = tmp_path / "image"
    image.mkdir()
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            source = ROOT / line[1:]
            if source.is_dir():
                shutil.copytree(source, image / source.name)
            else:
                shutil.copy(source, image)
    with started(space(tmp_path, PLAYGROUND_ENGINE="scripted"), tmp_path / "told", image) as url:
        assert run(url, lanes=["bf16"], max_new_tokens=2).lanes[0].error is None
    done = subprocess.run([sys.executable, "-m", "playground", "presets"], cwd=image, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_image_listens_where_it_says() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    variables = dict(re.findall(r"(\w+)=(\S+)", dockerfile.partition("ENV ")[2].partition("\nVOLUME")[0]))
    [port], [volume], [user] = (re.findall(rf"^{word} (.+)$", dockerfile, re.MULTILINE) for word in ("EXPOSE", "VOLUME", "USER"))
    assert (variables["GRADIO_SERVER_NAME"], variables["GRADIO_SERVER_PORT"]) == ("0.0.0.0", port)
    assert all(variables[name].startswith(f"{volume}/") for name in ("HF_HOME", "PLAYGROUND_CACHE_DIR"))
    assert user not in ("root", "0")
