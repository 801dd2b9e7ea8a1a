"""Whatever a stage computes on a GPU, it has set up for the same bytes before: cuBLAS reads its workspace but once."""

import os
import subprocess
import sys

import pytest
import torch

from isogloss import determinism
from isogloss.config import Params
from isogloss.errors import IsoglossError
from isogloss.inference.cost import recognizer_cost
from isogloss.inference.embed import embed_utterances
from isogloss.inference.transcribe import transcribe
from isogloss.training.adapt_recognizer import adapt_recognizer
from isogloss.training.adapt_speaker import adapt_speaker_encoder
from isogloss.training.speaker import train_speaker_encoder
from isogloss.training.train_recognizer import train_recognizer

PARAMS = Params()
STAGES = {
    "train_asr": lambda data: train_recognizer(PARAMS, data=data, output=data / "x"),
    "train_speaker": lambda data: train_speaker_encoder(PARAMS.speaker, data=data, output=data / "x"),
    "embed": lambda data: embed_utterances(None, None, data=data, threads=1),
    "transcribe": lambda data: transcribe(None, None, ["test"], data=data, threads=1, decoding=PARAMS.decoding),
    "measure_cost": lambda data: recognizer_cost(None, None, None, "test", data=data),
    "mitigate": lambda data: adapt_recognizer(
        "ewc", PARAMS, data=data, base=data, assignments=None, worst=[], output=data / "x", dev=None
    ),
    "mitigate_speaker": lambda data: adapt_speaker_encoder(
        "continued", PARAMS, data=data, base=data, utterances=None, output=data / "x"
    ),
}


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    """A process that has computed nothing yet."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    torch.use_deterministic_algorithms(False)
    yield
    torch.use_deterministic_algorithms(before)
    torch.set_num_threads(threads)
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_repeatable_before_it_has_read_anything(stage, tmp_path):
    with pytest.raises((IsoglossError, OSError, AttributeError, TypeError)):  # there is nothing to read
        STAGES[stage](tmp_path)
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] in (":4096:8", ":16:8")  # the two that cuBLAS is repeatable with


def test_it_loads_no_compiler():
    code = "import sys, isogloss.determinism as d; d.compute_repeatably(1); print('torch._dynamo' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_a_workspace_that_somebody_chose_is_left(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    determinism.compute_repeatably(1)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
