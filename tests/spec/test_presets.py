"""Presets: those that come with the project, and every way to get one wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.errors import InputError
from playground.settings import ROOT, Settings
from playground.spec.lane import Lane
from playground.spec.names import EMBEDDED_MODEL
from playground.spec.presets import load_preset, load_presets, offered

SHIPPED = load_presets(ROOT / "presets")
MODELS = Settings().models
ADAPTERS = Settings().adapters
GOOD = {"title": "A", "lanes": "[bf16]"}


def preset_file(folder: Path, file: str = "mine.yaml", **fields: str) -> Path:
    path = folder / file
    path.write_text("\n".join(f"{key}: {value}" for key, value in (GOOD | fields).items()), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_preset_can_be_run(name: str) -> None:
    preset = SHIPPED[name]
    request = preset.request(models=MODELS, adapters=ADAPTERS)
    assert request.model == EMBEDDED_MODEL
    assert tuple(str(lane) for lane in request.lanes) == preset.lanes
    assert 2 <= preset.lesson.count(". ") + 1 <= 4
    assert len(request.lanes) <= Settings().max_lanes
    assert request.measure.max_new_tokens <= 64


@pytest.mark.parametrize("name", ["quickstart", "precision", "decoding", "batch"])
def test_a_ladder_leaves_the_schedule_open_and_shows_a_larger_model_on_a_gpu(name: str) -> None:
    assert SHIPPED[name].schedule is None
    assert SHIPPED[name].request(models=MODELS, adapters={}, on_gpu=True).model == "smollm2-1.7b"


def test_the_adapter_lab_is_three_precisions_with_the_adapter_attached_merged_and_left_out() -> None:
    lab = SHIPPED["adapter-lab"]
    assert set(lab.lanes) == {f"{held}{adapter}" for held in ("bf16", "int8", "nf4") for adapter in ("", "+faq", "+faq.merged")}
    assert lab.measure.agreement


def test_falcon_faq_is_the_published_experiment() -> None:
    falcon = SHIPPED["falcon-faq"]
    measure = falcon.measure
    assert (measure.max_new_tokens, measure.repeats, falcon.schedule, measure.agreement) == (20, 5, "exclusive", True)
    assert falcon.workload.prompts[0] == "What is your return policy?"
    assert len(falcon.workload.prompts) == 4
    request = falcon.request(models=MODELS, adapters=ADAPTERS)
    assert [lane.batch for lane in request.lanes] == [1] * 4 + [4] * 4
    assert request.rows(request.lanes[0]) == falcon.workload.prompts[:1]
    assert falcon.published is not None
    assert [figure.e2e_s for figure in falcon.published.figures] == [13.3, 9.28, 3.04]
    assert {figure.lane for figure in falcon.published.figures} <= set(falcon.lanes)
    assert all(any(said in sentence for sentence in falcon.published.also) for said in ("5.7 GB", "3.87 s", "145 s"))


def test_a_page_offers_no_preset_whose_adapter_it_does_not_have() -> None:
    assert list(offered(SHIPPED, {})) == ["quickstart", "precision", "decoding", "batch", "noise", "sharing"]
    assert list(offered(SHIPPED, ADAPTERS)) == list(SHIPPED)


def test_the_shipped_presets_in_their_order() -> None:
    assert list(SHIPPED) == ["quickstart", "precision", "decoding", "batch", "adapter-lab", "falcon-faq", "noise", "sharing"]
    assert SHIPPED["quickstart"].lanes == ("bf16", "int8", "nf4", "bf16/top_p(p=0.9)")
    assert {"bf16/top_k(k=5)", "bf16/beam(num_beams=4)"} <= set(SHIPPED["decoding"].lanes)


def test_the_file_gives_the_name_unless_it_says_another(tmp_path: Path) -> None:
    assert load_preset(preset_file(tmp_path)).name == "mine"
    assert load_preset(preset_file(tmp_path, name="other")).name == "other"


def test_lanes_are_kept_canonical(tmp_path: Path) -> None:
    assert load_preset(preset_file(tmp_path, lanes='["bf16/top_p", " nf4 "]')).lanes == ("bf16/top_p(p=0.9)", "nf4")


def test_overrides_replace_what_the_preset_says() -> None:
    request = SHIPPED["quickstart"].request(models=MODELS, adapters={}, lanes=["nf4@2"], prompts=["a", "b"], measure={"repeats": 3})
    assert request.lanes == (Lane.parse("nf4@2"),)
    assert request.workload.prompts == ("a", "b")
    assert request.measure.repeats == 3


def test_the_larger_model_is_taken_only_where_it_is_known() -> None:
    only_small = {EMBEDDED_MODEL: EMBEDDED_MODEL}
    assert SHIPPED["quickstart"].request(models=only_small, adapters={}, on_gpu=True).model == EMBEDDED_MODEL


def test_a_schedule_counts_only_if_it_is_written(tmp_path: Path) -> None:
    assert load_preset(preset_file(tmp_path, measure="{repeats: 2}")).schedule is None
    assert load_preset(preset_file(tmp_path, measure="{schedule: exclusive}")).schedule == "exclusive"


def test_order_then_name(tmp_path: Path) -> None:
    for file, order in (("c.yaml", "1"), ("a.yml", "2"), ("b.yaml", "2")):
        preset_file(tmp_path, file, order=order)
    (tmp_path / "notes.txt").write_text("not a preset")
    assert list(load_presets(tmp_path)) == ["c", "a", "b"]


FIELDS = "name, order, title, lesson, lanes, prompts, system, chat, measure, model, model_on_gpu, published"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"lanse": "[bf16]"}, f"lanse: there is no such field (allowed: {FIELDS})"),
        (
            {"measure": "{speed: 1}"},
            "measure.speed: there is no such field "
            "(allowed: max_new_tokens, schedule, fixed_length, warmup, repeats, seed, threads, quantum_s, until, agreement, timeout_s)",
        ),
        ({"measure": "{repeats: 0}"}, "measure.repeats: input should be greater than or equal to 1, not '0'"),
        ({"measure": "{schedule: random}"}, "measure.schedule: input should be 'exclusive', 'interleaved' or 'contended', not 'random'"),
        ({"lanes": "[bf17]"}, "lane 'bf17': unknown precision 'bf17' (allowed: fp32, bf16, fp16, int8, nf4, fp4)"),
        ({"lanes": "[]"}, "lanes: must be at least 1 in number, not 0"),
        ({"lanes": "bf16"}, "lanes: input should be a valid tuple, not 'bf16'"),
        ({"lanes": "[16]"}, "lanes.0: input should be a valid string, not '16'"),
        ({"title": ""}, "title: input should be a valid string, not 'None'"),
        ({"system": "no"}, "system: input should be a valid string, not 'False'"),
        ({"model": "Big Model"}, "model: 'Big Model' is not a name (allowed: a-z 0-9 . _ -, not ending in .merged)"),
    ],
)
def test_a_wrong_field_is_one_sentence(tmp_path: Path, fields: dict[str, str], sentence: str) -> None:
    path = preset_file(tmp_path, **fields)
    with pytest.raises(InputError) as caught:
        load_preset(path)
    assert str(caught.value) == f"preset {str(path)!r}: {sentence}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"lanes: [bf16", "is not YAML: expected ',' or ']', but got '<stream end>' in line 1"),
        (b"lanes: !!python/object/apply:os.getcwd []", "is not YAML: could not determine a constructor for the tag"),
        (b"\xff\xfe\xff", "is not text in UTF-8"),
        (b"a: \x07", "is not YAML: unacceptable character"),
        (b"when: 2020-13-45", "is not YAML: month must be in 1..12"),
        (b"", f"must be fields and their values (allowed fields: {FIELDS})"),
        (b"[1, 2]", "must be fields and their values"),
        (b"1: 2", "1 is not a field"),
        (b"lanes: [bf16]", "title: field required"),
    ],
)
def test_a_file_that_is_no_preset_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_preset(path)
    assert str(caught.value).startswith(f"preset {str(path)!r}: {sentence}")
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        load_preset(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_preset(tmp_path)
    with pytest.raises(InputError, match="there is no such folder"):
        load_presets(tmp_path / "none")


def test_two_presets_of_one_name_are_refused(tmp_path: Path) -> None:
    preset_file(tmp_path, "a.yaml")
    preset_file(tmp_path, "b.yaml", name="a")
    with pytest.raises(InputError, match="'a' is the name of another preset too"):
        load_presets(tmp_path)


def test_an_unknown_model_is_told_when_the_run_is_made(tmp_path: Path) -> None:
    preset = load_preset(preset_file(tmp_path, model="big"))
    with pytest.raises(InputError, match=r"model 'big' is not known \(allowed: smollm2-1.7b, smollm2-135m\)"):
        preset.request(models=MODELS, adapters={})
