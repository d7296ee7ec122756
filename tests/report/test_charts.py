"""The charts are valid Plotly, tell lanes apart without colour, and their colours can be seen on both themes."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from plotly import graph_objects

from playground.engines.scripted import Script, ScriptedEngine
from playground.report.charts import PALETTES, SYMBOLS, Palette, against, figures, lane_name, repeats_ms, ttft_ms
from playground.runs.runner import Runner
from playground.settings import Settings
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.timeline.state import RunState
from tests.timelines import Ran, played

LANES = ("bf16", "int8", "nf4", "fp4", "fp32", "fp16", "bf16/beam(num_beams=4)", "bf16@4", "nf4@4")


def finished(lanes: tuple[str, ...] = LANES, repeats: int = 1) -> RunState:
    engine = ScriptedEngine(lambda lane: Script(ttft_s=0.05, tpot_s=0.02, post_s=0), sleep=lambda seconds: None)
    measure = {"max_new_tokens": 5, "repeats": repeats}
    request = RunRequest.build(lanes=lanes, prompts=["hi"], models={"smollm2-135m": "x"}, measure=measure)
    reader = Runner(lambda lane, _model_id: engine).start(request).reader()
    list(reader.events())
    return reader.view


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


@pytest.mark.parametrize("name", ["ttft", "progress", "gaps", "parts", "against", "swaps"])
def test_a_figure_is_valid_plotly(name: str) -> None:
    graph_objects.Figure(figures(finished())[name])  # raises ValueError naming a property that does not exist


def test_lanes_differ_by_more_than_colour() -> None:
    *traces, _marks = figures(finished())["progress"]["data"]
    assert [trace["marker"]["symbol"] for trace in traces] == list(SYMBOLS)
    assert len({trace["name"] for trace in traces}) == 9
    assert [trace["line"]["dash"] for trace in traces] == ["solid"] * 6 + ["dot", "solid", "solid"]


def test_the_bar_of_a_beam_is_its_whole_time() -> None:
    bars = [ttft_ms(lane) for lane in finished().lanes]
    assert bars[0] == pytest.approx(50)
    assert bars[6] == pytest.approx(50 + 4 * 20)


def test_a_lane_that_has_not_run_has_no_bar() -> None:
    view = RunState(RunRequest.build(lanes=["bf16"], prompts=["hi"], models={"smollm2-135m": "x"}), "idle", "")
    assert ttft_ms(view.lanes[0]) is None


def test_several_repeats_have_a_mark_each_and_a_single_one_none() -> None:
    assert [repeats_ms(view, view.lanes[0]) for view in [finished(("bf16",), 1)]] == [[]]
    view = finished(("bf16", "bf16/beam(num_beams=4)"), 3)
    assert repeats_ms(view, view.lanes[0]) == [[50, 130, 20, False, False, False]] * 3
    assert repeats_ms(view, view.lanes[1]) == [[130, 130, None, False, False, False]] * 3


def test_a_mark_tells_which_of_its_figures_is_an_outlier() -> None:
    view = played({"bf16": Ran(tpot_s=[0.040, 0.041, 0.039, 0.0405, 0.080])}, measure={"repeats": 5})
    assert [mark[3:] for mark in repeats_ms(view, view.lanes[0])] == [[False] * 3] * 4 + [[False, True, True]], "TTFT is the same in all"


def test_a_point_is_the_paired_ratio_of_times_with_its_interval() -> None:
    view = played({"bf16": Ran(tpot_s=[0.040, 0.042, 0.041]), "nf4": Ran(tpot_s=[0.020, 0.0205, 0.0207])}, measure={"repeats": 3})
    assert against(view, view.lanes[0])[:4] == [1, None, None, "baseline"]
    ratio, low, high, short, words = against(view, view.lanes[1])
    assert low < ratio < high < 1
    assert ratio == pytest.approx((0.5 * 0.0205 / 0.042 * 0.0207 / 0.041) ** (1 / 3), abs=1e-5)
    assert short == "0.498×"
    assert words.startswith("TPOT 0.498× that of lane 1, 3 repeats<br>95 %: 0.4")


def test_a_single_repeat_is_a_point_alone_and_beam_search_is_compared_in_e2e() -> None:
    view = finished(("bf16", "nf4", "bf16/beam(num_beams=4)"))
    assert against(view, view.lanes[1]) == [1, None, None, "1.00×", "TPOT 1.00× that of lane 1, 1 repeat"]
    assert against(view, view.lanes[2])[3] == "1.00× E2E"


def test_what_cannot_be_compared_has_no_point() -> None:
    view = played({"bf16": Ran(), "nf4": Ran(tokens=0, error="no room")})
    assert against(view, view.lanes[1]) == []
    view = played({"bf16": Ran(tokens=0, error="no room"), "nf4": Ran()})
    assert [against(view, lane) for lane in view.lanes] == [[], []]


def test_figures_are_small_and_begin_empty() -> None:
    for figure in figures(finished()).values():
        assert figure["layout"]["template"] is None
        assert len(json.dumps(figure)) < 4_000
        assert not any(value for trace in figure["data"] for value in trace["x"])


def test_a_long_label_is_cut_on_an_axis() -> None:
    name = lane_name(2, Lane.parse("nf4[double_quant=true,compute=fp32]/top_p(p=0.9)"))
    assert name == "3 nf4[double_quant=…"
