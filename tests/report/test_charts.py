"""The charts are valid Plotly, tell lanes apart without colour, and their colours can be seen on both themes."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from plotly import graph_objects

from playground.engines.scripted import Script, ScriptedEngine
from playground.report.charts import CHARTS, PALETTES, Chart, Figure, Palette, charts
from playground.report.charts.layout import axis_end, lane_name
from playground.report.charts.palette import LIGHT, SYMBOLS
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.events import LaneLoaded, RepeatStarted, StepsTaken
from playground.timeline.facts import LaneFacts
from playground.timeline.state import RunState
from playground.timeline.trace import Step
from tests import timelines
from tests.timelines import Ran, played

LANES = ("bf16", "int8", "nf4", "fp4", "fp32", "fp16", "bf16/beam(num_beams=4)", "bf16@4", "nf4@4")


def finished(lanes: tuple[str, ...] = LANES, repeats: int = 1) -> RunState:
    engine = ScriptedEngine(lambda lane: Script(ttft_s=0.05, tpot_s=0.02, post_s=0), sleep=lambda seconds: None)
    measure = {"max_new_tokens": 5, "repeats": repeats}
    request = RunRequest.build(lanes=lanes, prompts=["hi"], models={"smollm2-135m": "x"}, measure=measure)
    reader = Runner(lambda lane, _model_id: engine).start(request).reader()
    list(reader.events())
    return reader.view


def idle(lanes: tuple[str, ...]) -> RunState:
    return RunState(timelines.request(*lanes), "idle", "")


def luminance(colour: str) -> float:
    """WCAG 2 relative luminance of `#rrggbb`."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_every_colour_can_be_seen_on_its_surface(palette: Palette) -> None:
    assert len(set(palette.lanes)) == len(palette.lanes) == Settings().max_lanes
    assert min(contrast(lane, palette.surface) for lane in palette.lanes) >= 3
    assert contrast(palette.ink, palette.surface) >= 7
    assert contrast(palette.muted, palette.surface) >= 4.5


def cielab(colour: str) -> tuple[float, float, float]:
    """CIE L*a*b* of `#rrggbb`, D65."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    x, y, z = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
    )
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_no_two_lane_colours_are_alike(palette: Palette) -> None:
    places = [cielab(colour) for colour in palette.lanes]
    assert min(math.dist(one, other) for one, other in itertools.combinations(places, 2)) > 12, "2.3 is just noticeable"


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_a_colour_of_one_palette_has_one_place(palette: Palette) -> None:
    """The page finds the colours of its theme by those of the light one."""
    colours = [*palette.lanes, palette.surface, palette.ink, palette.muted, palette.grid]
    assert len(set(colours)) == len(colours)


def figure(key: str, view: RunState) -> Figure:
    return CHARTS[key].make(view)


def colours(value: Any, key: str = "") -> Iterator[str]:
    """Every colour in a figure."""
    match value:
        case dict():
            for name, one in value.items():
                yield from colours(one, name)
        case list():
            for one in value:
                yield from colours(one, key)
        case str() if key.endswith("color"):
            yield value


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("chart", charts(), ids=lambda chart: chart.key)
def test_a_figure_is_valid_plotly_in_the_light_palettes_colours(chart: Chart, repeats: int) -> None:
    for view in (idle(LANES), finished(repeats=repeats)):
        made = chart.make(view)
        graph_objects.Figure(made)  # raises ValueError naming a property that does not exist
        assert json.loads(json.dumps(made, allow_nan=False)) == made
        assert set(colours(made)) <= {*LIGHT.lanes, LIGHT.surface, LIGHT.ink, LIGHT.muted, LIGHT.grid, "rgba(0,0,0,0)"}
        traces = made["data"][: len(LANES)]
        assert chart.grows is None or not any(trace["x"] or trace["y"] for trace in traces), "the page draws them"


def test_charts_stand_in_their_places() -> None:
    assert [chart.key for chart in charts()] == ["ttft", "progress", "gaps", "parts", "against", "swaps"]


def test_a_new_chart_is_known_once_it_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHARTS, "made", Chart("made", "Made", "made up", lambda view: {"data": [], "layout": {}}))
    assert charts()[-1].key == "made"


def test_lanes_differ_by_more_than_colour() -> None:
    traces = figure("progress", finished())["data"]
    assert [trace["marker"]["symbol"] for trace in traces] == list(SYMBOLS)
    assert len({trace["name"] for trace in traces}) == 9
    assert [trace["line"]["dash"] for trace in traces] == ["solid"] * 6 + ["dot", "solid", "solid"]


def test_the_bar_of_a_beam_is_its_whole_time() -> None:
    made = figure("ttft", finished())
    assert made["data"][0]["x"][0] == pytest.approx(50)
    assert made["data"][0]["x"][6] == pytest.approx(50 + 4 * 20)
    assert made["data"][0]["text"][6] == "130 ms"


def test_the_bar_of_a_first_token_stands_before_its_repeat_has_ended() -> None:
    view = RunState(timelines.request("bf16", "bf16/beam(num_beams=2)"), "id", "")
    for lane in (0, 1):
        view.apply(RepeatStarted(lane, 0, False, (5,), 0.0))
        view.apply(StepsTaken(lane, 0, (Step(t_s=0.05, wall_s=0.05, token_ids={0: (1,)}, keep={0: 0}),), ()))
    bar = figure("ttft", view)["data"][0]
    assert (bar["x"], bar["text"]) == ([50, None], ["50.0 ms", ""]), "a beam is certain of none"


def test_a_lane_that_has_not_run_has_no_bar_and_no_point() -> None:
    for key in ("ttft", "parts", "swaps"):
        for trace in figure(key, idle(("bf16", "nf4")))["data"]:
            assert not any(trace["x"])
    assert [trace["x"] for trace in figure("against", idle(("bf16", "nf4")))["data"]] == [[], [], [None, None]]


def test_several_repeats_have_a_mark_each_and_a_single_one_none() -> None:
    lanes = ("bf16", "bf16/beam(num_beams=4)")
    single, several = finished(lanes, 1), finished(lanes, 3)
    for key, lines, expected in (
        ("ttft", 1, [([50] * 3, ["1 bf16"] * 3), ([130] * 3, ["2 bf16/beam(num_bea…"] * 3)]),
        ("progress", 2, [([0.13] * 3, [5] * 3), ([0.13] * 3, [5] * 3)]),
        ("gaps", 2, [([5] * 3, [20] * 3), ([5] * 3, [None] * 3)]),
    ):
        assert len(figure(key, single)["data"]) == lines
        assert [(trace["x"], trace["y"]) for trace in figure(key, several)["data"][lines:]] == expected, key


def test_a_mark_that_is_an_outlier_is_a_ring() -> None:
    view = played({"bf16": Ran(tpot_s=[0.040, 0.041, 0.039, 0.0405, 0.080])}, measure={"repeats": 5})
    ttft, progress, gaps = (figure(key, view)["data"][1] for key in ("ttft", "progress", "gaps"))
    assert ttft["marker"]["symbol"] == "line-ns-open", "TTFT is the same in all"
    assert "customdata" not in ttft
    assert progress["marker"]["symbol"] == ["line-ns-open"] * 4 + ["circle-open"]
    assert gaps["marker"]["symbol"] == ["line-ew-open"] * 4 + ["circle-open"]
    assert gaps["customdata"] == [""] * 4 + [", an outlier"]
    assert gaps["hovertemplate"] == "TPOT of one repeat%{customdata}: %{y:.3s} ms<extra></extra>"
    assert figure("gaps", view)["layout"]["yaxis"]["range"] == [0, 100], "an outlier is on the axis"


def test_a_point_is_the_paired_ratio_of_times_with_its_interval() -> None:
    view = played({"bf16": Ran(tpot_s=[0.040, 0.042, 0.041]), "nf4": Ran(tpot_s=[0.020, 0.0205, 0.0207])}, measure={"repeats": 3})
    baseline, other, texts = figure("against", view)["data"]
    assert (baseline["x"], baseline["error_x"]["array"]) == ([1], [None])
    (ratio,), (more,), (less,) = other["x"], other["error_x"]["array"], other["error_x"]["arrayminus"]
    assert ratio - less < ratio < ratio + more < 1
    assert ratio == pytest.approx((0.5 * 0.0205 / 0.042 * 0.0207 / 0.041) ** (1 / 3), abs=1e-5)
    assert texts["text"] == ["baseline", "0.498×"]
    end = figure("against", view)["layout"]["xaxis"]["range"][1]
    assert all(end - 0.01 < math.log10(x) < end for x in texts["x"]), "Plotly hides what is beyond the axis"
    assert other["customdata"][0].startswith("TPOT 0.498× that of lane 1, 3 repeats<br>95 %: 0.4")


def test_a_single_repeat_is_a_point_alone_and_beam_search_is_compared_in_e2e() -> None:
    made = figure("against", finished(("bf16", "nf4", "bf16/beam(num_beams=4)")))
    _, one, _, texts = made["data"]
    assert (one["x"], one["error_x"]["array"], one["customdata"]) == ([1], [None], ["TPOT 1.00× that of lane 1, 1 repeat"])
    assert texts["text"] == ["baseline", "1.00×", "1.00× E2E"]
    assert made["layout"]["xaxis"]["ticktext"] == ["0.5×", "0.7×", "1×", "1.4×", "2×"]


def test_what_cannot_be_compared_has_no_point() -> None:
    lacking = Ran(tokens=0, error="no room")
    for lanes, texts in (({"bf16": Ran(), "nf4": lacking}, ["baseline", ""]), ({"bf16": lacking, "nf4": Ran()}, ["", ""])):
        made = figure("against", played(lanes))
        assert made["data"][-1]["text"] == texts
        assert made["data"][1]["x"] == []


def test_parts_add_up_to_the_whole_beside_them() -> None:
    made = figure("parts", played({"bf16": Ran(ttft_s=0.055, tpot_s=0.04, tokens=3)}))
    assert [trace["x"] for trace in made["data"]] == [[1], [54], [80], [1]]
    assert [trace["text"] for trace in made["data"]] == [[""], [""], [""], ["136 ms"]]
    assert [trace["customdata"][0] for trace in made["data"]][:2] == ["tokenizing 1.00 ms", "prefill 54.0 ms"]


def test_a_lane_that_made_room_has_a_mark_for_each_return() -> None:
    view = RunState(timelines.request("bf16", "nf4"), "id", "")
    view.apply(LaneLoaded(0, 2.5, "cold", 1, LaneFacts()))
    view.apply(LaneLoaded(1, 0.0001, "resident", 1, LaneFacts()))
    view.apply(LaneLoaded(0, 40.0, "host", 1, LaneFacts()))
    bars, later = figure("swaps", view)["data"]
    assert (bars["x"], bars["text"]) == ([2.5, 0.001], ["2.50 s, cold", "< 1 ms, resident"])
    assert (later["x"], later["y"], later["text"]) == ([40.0], ["1 bf16"], ["40.0 s, host"])
    assert figure("swaps", view)["layout"]["xaxis"]["range"] == [-3, pytest.approx(math.log10(500), abs=1e-4)]


@pytest.mark.parametrize(("values", "end"), [([], 300), ([100], 300), ([231], 500), ([400, None], 700), ([770], 2000), ([0.1], 300)])
def test_an_axis_ends_at_a_round_number(values: list[float | None], end: float) -> None:
    assert axis_end(300, values, 1.3) == end


def test_figures_are_small() -> None:
    for chart in charts():
        made = chart.make(idle(LANES))
        assert made["layout"]["template"] is None
        assert len(json.dumps(made, separators=(",", ":"), ensure_ascii=False)) < 4_500, chart.key


def test_a_long_label_is_cut_on_an_axis() -> None:
    name = lane_name(2, Lane.parse("nf4[double_quant=true,compute=fp32]/top_p(p=0.9)"))
    assert name == "3 nf4[double_quant=…"
