"""Settings: the environment, and what it may not say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from playground.errors import InputError
from playground.settings import ROOT, Settings
from playground.spec.names import EMBEDDED_MODEL


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLAYGROUND_ENGINE", "PLAYGROUND_CACHE_DIR", "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    settings = Settings.read()
    assert (settings.engine, settings.server_name, settings.server_port) == ("local", "127.0.0.1", 7860)
    assert settings.models[EMBEDDED_MODEL] == EMBEDDED_MODEL
    assert settings.presets_dir == ROOT / "presets"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {
        "PLAYGROUND_ENGINE": "scripted",
        "PLAYGROUND_CACHE_DIR": str(tmp_path),
        "PLAYGROUND_MODELS": '{"mine": "/models/mine"}',
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": "9000",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings.read()
    assert (settings.engine, settings.cache_dir, settings.models) == ("scripted", tmp_path, {"mine": "/models/mine"})
    assert (settings.server_name, settings.server_port) == ("0.0.0.0", 9000)


def test_the_cache_follows_the_desktops_rule(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Settings.read().cache_dir == tmp_path / "latency-playground"


def test_the_cache_goes_where_it_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The home folder, else beside the Hub's cache, else the temporary folder. Nothing is made by asking."""

    def cache(**variables: str) -> Path:
        for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "HF_HOME", "TMPDIR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return Settings.read().cache_dir.parent

    home, nowhere, hub = str(tmp_path / "home"), os.devnull, str(tmp_path / "data" / "huggingface")
    assert cache(HOME=home, USERPROFILE=home, HF_HOME=hub) == tmp_path / "home" / ".cache"
    assert cache(HOME=home, USERPROFILE=home, XDG_CACHE_HOME=nowhere) == tmp_path / "home" / ".cache"
    assert cache(HOME=nowhere, USERPROFILE=nowhere, HF_HOME=hub) == tmp_path / "data"
    assert cache(HOME=nowhere, USERPROFILE=nowhere, HF_HOME=nowhere + "/hub") == tmp_path / "temporary"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLAYGROUND_ENGINE", "warp"),
        ("PLAYGROUND_MAX_LANES", "0"),
        ("PLAYGROUND_MODELS", "not json"),
        ("PLAYGROUND_MODELS", '{"Bad Name": "x"}'),
        ("GRADIO_SERVER_PORT", "99999"),
    ],
)
def test_a_value_that_is_not_allowed_is_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="settings: ") as caught:
        Settings.read()
    assert "\n" not in str(caught.value)
    assert name.removeprefix("PLAYGROUND_").lower() in str(caught.value).lower()
