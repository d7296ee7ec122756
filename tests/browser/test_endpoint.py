"""The endpoint `/run` of a scripted page: what scripts and `gradio_client` see."""

from __future__ import annotations

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from playground.analysis.measuring import measure
from playground.recordings.schema import Recording

pytestmark = pytest.mark.browser


@pytest.fixture
def client(url: str) -> Client:
    return Client(url, verbose=False)


def test_it_streams_and_ends_with_the_recording(client: Client) -> None:
    frames = list(client.submit(lanes=["bf16", "nf4@2"], prompts=["Hi"], max_new_tokens=6, warmup=0, api_name="/run"))
    assert len(frames) > 2
    recording = Recording.model_validate(frames[-1]["recording"])
    assert measure(recording.lanes[0].repeats[0]).tpot_s == pytest.approx(0.039)
    assert "recording" not in frames[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"lanes": ["int9"]}, "unknown precision 'int9'"),
        ({"lanes": ["bf16"], "prompts": [""]}, "prompt 1 is empty"),
        ({"preset": "nope"}, "'nope' is not known"),
        ({"lanes": ["bf16"], "max_new_tokens": 99999}, "less than or equal to 4096"),
        ({"lanes": ["bf16"] * 10}, "10 lanes are more than the 9 allowed here"),
    ],
)
def test_bad_input_is_one_sentence(client: Client, arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(AppError, match=sentence) as error:
        client.predict(**arguments, api_name="/run")
    assert "Traceback" not in str(error.value)


def test_a_cancelled_job_frees_the_device(client: Client) -> None:
    job = client.submit(lanes=["bf16"], prompts=["Hi"], max_new_tokens=2000, api_name="/run")
    next(iter(job))
    job.cancel()
    frames = list(client.submit(lanes=["bf16"], prompts=["Hi"], max_new_tokens=3, warmup=0, api_name="/run"))
    assert frames[-1]["status"] == "done"
