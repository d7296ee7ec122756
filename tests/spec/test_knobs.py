"""A setting is one field: it appears on the page, in links, in the API, on the command line and in presets by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from playground.cli.app import main
from playground.cli.surroundings import Surroundings
from playground.errors import InputError
from playground.settings import ROOT, Settings
from playground.spec.knobs import Knob, Setting
from playground.spec.measure import Measure, Until
from playground.spec.request import SETTINGS
from playground.spec.workload import Workload
from playground.ui.api import PARAMETERS
from playground.ui.controls.form import ON_PAGE

NEW = """
import json, sys
from typing import Annotated
from urllib.parse import quote
from pydantic import Field
import playground.spec.measure as measure
from playground.spec.knobs import Knob

class Longer(measure.Measure):
    warp_s: Annotated[float, Field(ge=0, le=9), Knob("Warp", "Bends time.", name="warp_ms", unit="ms", scale=1e3)] = 2.0

measure.Measure = Longer

from playground.cli.app import main
from playground.settings import Settings
from playground.spec.presets import load_preset
from playground.ui.api import PARAMETERS
from playground.ui.controls.form import FormError, form_of, measure_line, read_form
from playground.ui.controls.link import read_link, write_link
from playground.ui.controls.setting_controls import setting_controls
import gradio as gr

settings, preset = Settings(), load_preset(__import__("pathlib").Path(sys.argv[1]))
form = form_of(preset, preset.model, 9)
assert form.settings["warp_ms"] == 4500, form
assert "Warp 4500 ms" in measure_line(form), measure_line(form)
assert read_form(form, settings).measure.warp_s == 4.5
link = "?run=" + quote(json.dumps({"v": 1, "preset": "mine", "warp_ms": 1500}))
linked = read_link(link, {"mine": preset}, settings)
assert read_form(linked.form, settings).measure.warp_s == 1.5
assert "warp_ms" in write_link(linked.form, preset, preset.model, settings)
try:
    read_form(type(form)(form.model, form.lanes, {**form.settings, "warp_ms": 10_000}), settings)
except FormError as error:
    assert (error.field, error.sentence) == ("warp-ms", "Warp: 10,000 is not allowed; allowed: 0 to 9,000 ms"), error.sentence
else:
    raise AssertionError("out of range and not refused")
with gr.Blocks():
    assert setting_controls(form, "settings")["warp_ms"].elem_id == "warp-ms"
assert PARAMETERS["warp_s"] == float | None
assert main(["run", "--help"]) == 0
assert main(["run", "--lane", "bf16", "--warp-ms", "9500"]) == 2
"""


def test_a_new_setting_is_one_field(tmp_path: Path) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text("title: Mine\nlanes: [bf16]\nmeasure: {warp_s: 4.5}\n")
    done = subprocess.run([sys.executable, "-c", NEW, str(preset)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "--warp-ms MS" in done.stdout
    assert "Bends time.  [default: 2000]" in done.stdout
    assert done.stderr.strip() == "playground: --warp-ms: 9,500 is not allowed; allowed: 0 to 9,000 ms"


def knobs(model: type[BaseModel]) -> int:
    return sum(isinstance(note, Knob) for field in model.model_fields.values() for note in field.metadata)


def test_every_knob_is_a_setting_with_a_name_of_its_own() -> None:
    models: tuple[type[BaseModel], ...] = (Workload, Measure, Until)
    assert len(SETTINGS) == sum(map(knobs, models))
    for names in ({one.name for one in SETTINGS}, {one.parameter for one in SETTINGS}, {one.element for one in SETTINGS}):
        assert len(names) == len(SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_default_is_the_same_typed_and_read_again(setting: Setting) -> None:
    assert setting.read(setting.typed_default, "x") == setting.default


def test_settings_are_in_the_api_and_those_of_the_page_have_a_control() -> None:
    assert set(PARAMETERS) == {"lanes", "preset", "model", *(one.parameter for one in SETTINGS)}
    assert [one.name for one in SETTINGS if one not in ON_PAGE] == ["chat"]


def test_every_setting_is_an_option_of_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"], Surroundings(Settings(cache_dir=tmp_path))) == 0
    shown = capsys.readouterr().out
    options = (
        "--prompt",
        "--system",
        "--raw",
        "--max-new-tokens",
        "--schedule",
        "--fixed-length",
        "--free-length",
        "--warmup",
        "--repeats",
    )
    more = ("--seed", "--threads", "--quantum-ms", "--until", "--time-limit", "--agreement", "--no-agreement")
    assert [option for option in (*options, *more) if f"{option} " not in shown] == []


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("seed", 1.5, "must be a whole number, not 1.5"),
        ("seed", float("nan"), "must be a whole number, not nan"),
        ("quantum_ms", "soon", "must be a number, not soon"),
        ("until_percent", 200.1, "200.1 is not allowed; allowed: above 0 and at most 200 %"),
        ("length", "endless", "'endless' is not allowed; allowed: fixed, free"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, typed: str | float, sentence: str) -> None:
    setting = next(one for one in SETTINGS if one.name == name)
    with pytest.raises(InputError) as error:
        setting.read(typed, "Title")
    assert str(error.value) == f"Title: {sentence}"
