"""A scheme, a decoding or a runtime option that is registered is in lane text, in JSON and in the generated script at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic.fields import FieldInfo

from playground.errors import InputError
from playground.report.script import script
from playground.spec import decoding, weights
from playground.spec.decoding import DECODINGS, Decoding
from playground.spec.lane import Lane
from playground.spec.request import RunRequest
from playground.spec.runtime import Runtime, RuntimeOption
from playground.spec.values import Option, choices
from playground.spec.weights import SCHEMES, Recipe, Weights


class Quanto(Weights):
    scheme = "quanto8"
    family = "quanto"
    requires = ("optimum-quanto",)
    quantized = True
    group: Annotated[int | None, Option(128)] = None

    @property
    def bits(self) -> float:
        return 8.0

    def recipe(self) -> Recipe:
        return Recipe(self.dtype, "QuantoConfig", {"weights": "int8"})


class Assisted(Decoding):
    strategy = "lookup"
    main = ("tokens",)
    max_rows = 1
    tokens: int = 3

    def generate_arguments(self) -> dict[str, Any]:
        return {"do_sample": False, "prompt_lookup_num_tokens": self.tokens}


@pytest.fixture(autouse=True)
def made_up() -> Iterator[None]:
    weights.register(Quanto)
    decoding.register(Assisted)
    option = RuntimeOption(default="dynamic", generate=lambda value: {"cache_implementation": value}, kv_factor=lambda _value: 2.0)
    annotation: Any = Annotated[Literal["dynamic", "static"] | None, option]
    Runtime.__pydantic_fields__["cache"] = FieldInfo.from_annotated_attribute(annotation, None)
    Runtime.model_rebuild(force=True)
    yield
    del SCHEMES["quanto8"], DECODINGS["lookup"], Runtime.__pydantic_fields__["cache"]
    Runtime.model_rebuild(force=True)


TEXT = "quanto8[group=64,attention=eager,cache=static]/lookup(tokens=5)"


def test_they_are_read_and_written_as_text_and_as_json() -> None:
    lane = Lane.parse(TEXT)
    assert str(lane) == TEXT
    assert Lane.model_validate_json(lane.model_dump_json()) == lane
    assert (lane.variant.weights, lane.decoding) == (Quanto(group=64), Assisted(tokens=5))
    assert choices(Runtime, "cache") == ("dynamic", "static")
    assert lane.variant.runtime.kv_factor == 2.0
    assert Lane.parse("quanto8").variant.weights.filled() == Quanto(group=128)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bf16[group=3]", "lane 'bf16[group=3]': group is an option of quanto8, not of bf16"),
        ("bf16[cache=x]", "lane 'bf16[cache=x]': cache: input should be 'dynamic' or 'static', not 'x'"),
        ("bf16/lookup@2", "lane 'bf16/lookup@2': lookup decodes no batch of 2; allowed: at most @1"),
    ],
)
def test_mistakes_in_them_are_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        Lane.parse(text)
    assert str(caught.value) == sentence


def test_the_script_of_such_a_lane_says_all_of_it() -> None:
    request = RunRequest.build(lanes=[TEXT], workload={"prompts": ["Why?"]}, models={"smollm2-135m": "smollm2-135m"})
    source = script(request, 0)
    assert "# Needs: pip install torch transformers accelerate optimum-quanto" in source
    assert 'quantization = QuantoConfig(weights="int8")' in source
    assert 'attn_implementation="eager"' in source
    assert 'do_sample=False, prompt_lookup_num_tokens=5, cache_implementation="static"' in source


def test_lanes_of_earlier_recordings_are_read() -> None:
    variant = {
        "model": "m",
        "precision": "nf4",
        "double_quant": True,
        "compute": None,
        "attention": "eager",
        "adapter": "a",
        "merged": True,
    }
    sampling = {"strategy": "top_p", "p": 0.5, "temperature": 1.0, "seed": 3}
    read = Lane.model_validate({"variant": variant, "decoding": sampling, "batch": 2})
    assert str(read) == "m:nf4[double_quant=true,attention=eager]+a.merged/top_p(p=0.5,seed=3)@2"
