"""A new thing of each kind is one value in one place, and found everywhere: a copy of the sources gets one piece of text for each.

The design's table "Growth" says where; nothing else of the copy is touched.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playground.settings import ROOT

SCHEME = '''

@register
class Made(Weights):
    """A made-up scheme."""

    scheme = "made4"
    grain: Annotated[Annotated[int, Field(ge=1, le=9)] | None, Option(2)] = None
'''

RUNTIME_OPTION = """    shards: Annotated[
        Literal["one", "two"] | None,
        RuntimeOption(default="one", generate=lambda value: {"made_up_shards": value}),
    ] = None
"""

DECODING = '''

@register
class Wander(Decoding):
    """A made-up strategy."""

    strategy = "wander"
    main = ("pace",)
    pace: Annotated[int, Field(ge=1, le=9)] = 3

    def generate_arguments(self) -> dict[str, Any]:
        return {"made_up_pace": self.pace}
'''

SETTING = """    made_up_level: Annotated[int, Field(ge=0, le=9), Knob("Made up", "A made-up setting.")] = 4
"""

ENGINE = """

ENGINES["made-up"] = lambda _settings: ScriptedFleet(ScriptedEngine(sleep=lambda _seconds: None))
"""

METRIC = """

METRICS["made_up_s"] = Metric("Made-up time", "s", "lower", "A made-up metric.", OfRepeat(lambda trace: 1.25))
"""

SECTION = """

SECTIONS["made-up"] = lambda view, _choice: Section("A made-up section", (), (), ("A made-up note.",))
"""

CHART = '''"""A made-up chart."""

from __future__ import annotations

from playground.report.charts.chart import Chart, register

register(Chart(key="made-up", title="A made-up chart", alt="something made up", make=lambda view: {"data": [], "layout": {}}, place=99))
'''

COMMAND = '''"""A made-up command."""

from __future__ import annotations


def made() -> int:
    """Greets."""
    print("hello from a made-up command")
    return 0
'''

ADDED_AT_THE_END = {
    "spec/weights.py": SCHEME,
    "spec/decoding.py": DECODING,
    "engines/registry.py": ENGINE,
    "analysis/metrics.py": METRIC,
    "report/sections/__init__.py": SECTION,
    "report/charts/made.py": CHART,
    "cli/commands/made.py": COMMAND,
}
ADDED_BEFORE = {
    "spec/runtime.py": ("    device: ", RUNTIME_OPTION),
    "spec/measure.py": ("    timeout_s: ", SETTING),
}

FIND = """
import json, sys
from playground.engines.registry import open_fleet
from playground.recordings.build import build_recording
from playground.recordings.writing import dump_recording
from playground.report.csv import csv_text
from playground.report.markdown import markdown_text
from playground.report.script import script
from playground.report.sections import NOTHING, sections
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.ui.api import PARAMETERS
from playground.ui.lane_editor.choices import Here, row_state
from playground.ui.live.component import chart_boxes
from playground.ui.live.feed import Feed

TEXT = "made4[grain=5,shards=two]/wander(pace=7)@2"
lane = Lane.parse(TEXT)
models = {"smollm2-135m": "smollm2-135m", "demo": "made-up:"}
request = RunRequest.build(lanes=[TEXT, "demo:bf16"], workload={"prompts": ["Hi"]}, models=models)
with open_fleet(Settings(engine="scripted")) as fleet:
    view = Runner(fleet.engine_for).start(request).reader().to_the_end()
recording = dump_recording(build_recording(view))
made = sections(view, NOTHING)
json.dump({
    "lane text": str(lane),
    "generate arguments": lane.variant.runtime.generate_arguments() | lane.decoding.generate_arguments(),
    "editor": row_state("made4", Here(models=("smollm2-135m",), adapters=()), 0, 1, 0, 9),
    "api": sorted(PARAMETERS),
    "failed": [one.error for one in view.lanes if one.error],
    "tokens": [len(one.counted[0].output_ids) if one.counted else 0 for one in view.lanes],
    "sections": {key: [heading.title for heading in section.headings] for key, section in made.items()},
    "csv": csv_text(view),
    "markdown": markdown_text(view),
    "recording": recording,
    "page": Feed(view).start(),
    "chart boxes": chart_boxes(),
    "code": script(request, 0),
}, sys.stdout)
"""


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with one of each kind added."""
    root = tmp_path_factory.mktemp("grown")
    shutil.copytree(ROOT / "playground", root / "playground", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "presets", root / "presets")
    for path, text in ADDED_AT_THE_END.items():
        with (root / "playground" / path).open("a", encoding="utf-8") as file:
            file.write(text)
    for path, (anchor, text) in ADDED_BEFORE.items():
        source = root / "playground" / path
        before = source.read_text(encoding="utf-8")
        assert before.count(anchor) == 1, f"{anchor!r} stands once in {path}"
        source.write_text(before.replace(anchor, text + anchor), encoding="utf-8")
    return root


def run(root: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def found(grown: Path) -> dict[str, Any]:
    """Where the copy shows what was added, by place."""
    places: dict[str, Any] = json.loads(run(grown, "-c", FIND))
    return places


def test_a_scheme_an_option_and_a_decoding_are_in_lane_text_and_run(found: dict[str, Any]) -> None:
    assert found["lane text"] == "made4[grain=5,shards=two]/wander(pace=7)@2"
    assert found["generate arguments"] == {"made_up_shards": "two", "made_up_pace": 7}
    assert found["failed"] == []
    assert "made_up_pace=7" in found["code"]
    assert 'made_up_shards="two"' in found["code"]


@pytest.mark.parametrize("name", ["made4", "grain", "shards", "wander"])
def test_they_are_offered_in_the_editor(found: dict[str, Any], name: str) -> None:
    assert f'"{name}"' in found["editor"]


def test_a_setting_is_in_the_api_and_on_the_command_line(found: dict[str, Any], grown: Path) -> None:
    assert "made_up_level" in found["api"]
    assert "--made-up-level" in run(grown, "-m", "playground", "run", "--help")
    assert '"made_up_level":4' in found["recording"]


def test_a_command_is_found(grown: Path) -> None:
    assert run(grown, "-m", "playground", "made") == "hello from a made-up command\n"


def test_an_engine_decodes_the_lanes_whose_model_names_it(found: dict[str, Any]) -> None:
    assert found["tokens"] == [2, 1]


def test_a_metric_is_a_column_everywhere(found: dict[str, Any]) -> None:
    assert "Made-up time" in found["sections"]["results"]
    assert "made_up_s" in found["csv"] or "Made-up time" in found["csv"]
    assert "Made-up time" in found["page"]
    assert '"made_up_s":1.25' in found["recording"]


def test_a_section_is_in_markdown(found: dict[str, Any]) -> None:
    assert "A made-up note." in found["markdown"]


def test_a_chart_is_on_the_page(found: dict[str, Any]) -> None:
    assert '"made-up"' in found["page"]
    assert "something made up" in found["chart boxes"]
