"""The script of a lane: what was typed stays text in it, folders of the operator stay out of it, and it is short."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.errors import InputError
from playground.report.script import literal, script
from playground.spec.lane import Lane
from playground.spec.names import EMBEDDED_HUB_ID, EMBEDDED_MODEL
from playground.spec.request import RunRequest
from tests.strategies import lanes

DECODINGS = ("", "/top_k(k=20)", "/top_p(p=0.9)", "/min_p(p=0.05)", "/beam(num_beams=4)")
PRECISIONS = ("fp32", "bf16", "fp16", "int8", "nf4", "fp4")
FOLDER, ADAPTER_FOLDER = "/srv/customers/acme/model", "/srv/customers/acme/adapter"

typed = st.text(min_size=1).filter(str.strip) | st.sampled_from(
    [
        '"""',
        "'''",
        '\\"; import os #',
        "a\nimport os",
        "\r\n# x",
        "{prompt}",
        "\\",
        "'\"",
        "\u202e\u2066x",
        "\x00",
        "\ud800",
        "%s \\N{DASH}",
    ]
)


def request_of(*lane: str, source: str = EMBEDDED_MODEL, **more: Any) -> RunRequest:
    fields = {"prompts": ["Why is the sky blue?"], "model": "m", "models": {"m": source}, "adapters": {"faq": ADAPTER_FOLDER}}
    return RunRequest.build(lanes=lane, **fields | more)


def request_with(lane: Lane, prompts: list[str], system: str | None) -> RunRequest:
    names = {lane.variant.model or "m": EMBEDDED_MODEL, "m": EMBEDDED_MODEL}
    adapters = {name: ADAPTER_FOLDER for name in lane.variant.adapters if name}
    measure = {"fixed_length": len(prompts) % 2 == 0}
    return RunRequest.build(lanes=[lane], prompts=prompts, system=system, model="m", models=names, adapters=adapters, measure=measure)


def shape(source: str) -> tuple[str, list[str]]:
    """A script with its strings taken out, and its comments."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return ast.dump(tree), [token.string for token in tokens if token.type == tokenize.COMMENT]


def strings(source: str) -> list[str]:
    return [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def imported(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


@given(typed)
def test_a_literal_reads_back_as_the_text_on_one_printable_line(text: str) -> None:
    written = literal(text)
    assert ast.literal_eval(written) == text
    assert written.isprintable()


@given(lane=lanes, prompts=st.lists(typed, min_size=1, max_size=3), system=st.none() | typed)
def test_what_was_typed_is_only_ever_a_string(lane: Lane, prompts: list[str], system: str | None) -> None:
    lane = lane.model_copy(update={"batch": max(lane.batch, len(prompts))})
    source = script(request_with(lane, prompts, system), 0)
    harmless = script(request_with(lane, ["a"] * len(prompts), "a" if system else system), 0)
    assert shape(source) == shape(harmless)
    assert {*prompts, *([system] if system else [])} <= set(strings(source))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("decoding", DECODINGS)
def test_scripts_are_short_and_import_only_what_a_reader_has(precision: str, decoding: str) -> None:
    source = script(request_of(f"{precision}{decoding}"), 0)
    assert 15 <= len(source.splitlines()) <= 50
    assert max(map(len, source.splitlines())) <= 120
    assert imported(source) - sys.stdlib_module_names == {"torch", "transformers"}


def test_an_adapter_needs_peft() -> None:
    assert "peft" in imported(script(request_of("bf16+faq"), 0))


@pytest.mark.parametrize(
    ("lane", "needs", "has"),
    [
        ("int8+faq.merged", {"PeftModel"}, ["model.merge_and_unload()"]),
        ("bf16+random-r16", {"LoraConfig", "get_peft_model"}, ['LoraConfig(r=16, target_modules="all-linear")']),
        (
            "bf16+none|faq|random-r4@4",
            {"LoraConfig", "PeftModel"},
            ['adapter_names = ["__base__", "adapter-1-faq", "adapter-2-random-r4"]', "adapter_names[row % 3] for row in range(4)"],
        ),
        ("bf16+random-r4|faq@2", {"LoraConfig", "get_peft_model"}, ["model.load_adapter(", "adapter_names=adapter_names,"]),
    ],
)
def test_adapters_of_every_kind(lane: str, needs: set[str], has: list[str]) -> None:
    source = script(request_of(lane), 0)
    peft = next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) and node.module == "peft")
    assert {alias.name for alias in peft.names} == needs
    assert needs <= {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}, "nothing is imported in vain"
    assert all(part in source for part in has)


def test_what_is_merged_is_merged_before_anything_runs() -> None:
    source = script(request_of("nf4[compute=fp32]+faq.merged"), 0)
    assert source.index("merge_and_unload") < source.index("support_avx512bf16_for_cpu") < source.index("generate(")


def test_the_embedded_model_is_the_hubs_with_a_word_on_its_weights() -> None:
    source = script(request_of("bf16"), 0)
    assert EMBEDDED_HUB_ID in strings(source)
    assert "Q4_1" in source


def test_another_source_can_be_written() -> None:
    source = script(request_of("bf16"), 0, sources={"m": "some/model"})
    assert "some/model" in strings(source)
    assert "Q4_1" not in source


def test_the_folders_of_the_operator_are_shown_only_where_that_is_asked() -> None:
    request = request_of("bf16+faq", source=FOLDER)
    hidden, shown = script(request, 0), script(request, 0, show_folders=True)
    assert "acme" not in hidden
    assert {"./m", "./faq"} <= set(strings(hidden))
    assert {FOLDER, ADAPTER_FOLDER} <= set(strings(shown))


def test_a_folder_that_looks_like_a_hub_id_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = request_of("bf16", source="acme/model")
    assert "acme/model" in strings(script(request, 0))
    (tmp_path / "acme" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert "acme" not in script(request, 0)


@pytest.mark.parametrize("source", ["../acme/model", "./acme", "~/acme/model", "C:\\acme\\model", "/acme", "acme/model/deep"])
def test_paths_are_no_hub_ids(source: str) -> None:
    assert "acme" not in script(request_of("bf16", source=source), 0)


def test_the_lanes_own_seed_wins_and_what_does_not_sample_has_none() -> None:
    request = request_of("bf16/top_p(p=0.9,seed=3)", "bf16/top_p(p=0.9)", "bf16", "bf16/beam", measure={"seed": 11})
    sources = [script(request, index) for index in range(4)]
    assert "manual_seed(3)" in sources[0]
    assert "manual_seed(11)" in sources[1]
    assert not any("manual_seed" in source for source in sources[2:])


def test_a_lane_that_runs_no_model_has_no_script() -> None:
    with pytest.raises(InputError, match="a lane of scripted: runs no model"):
        script(RunRequest.build(lanes=["demo:nf4"], models={"demo": "scripted:"}, model="demo"), 0)


def test_a_system_prompt_without_the_chat_template_is_refused_as_the_engine_does() -> None:
    with pytest.raises(InputError, match="system prompt needs the chat template"):
        script(request_of("bf16", system="Be brief.", chat=False), 0)
