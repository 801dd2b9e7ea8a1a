"""Hypotheses of whole sets of cuts."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from lhotse import CutSet
from lhotse.testing.dummies import dummy_cut, dummy_supervision

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.recognizers.batches import Utterances
from isogloss.recognizers.decode import decode_cuts
from isogloss.recognizers.transducer import TransducerRecognizer

OPTIONS = {"channels": 4, "hidden_dim": 8, "layers": 1}


def test_a_model_that_has_come_to_nothing_says_nothing(monkeypatch):
    model = TransducerRecognizer(
        Tokens.of(["abc"]), encoder="lstm", encoder_options=OPTIONS, input_dim=8, predictor_dim=4, joiner_dim=4
    )
    torch.nn.init.constant_(model.output_layer.bias, float("nan"))
    cuts = CutSet.from_cuts(dummy_cut(number, supervisions=[dummy_supervision(number)]) for number in range(2))
    monkeypatch.setattr(Utterances, "_load", lambda *_: torch.from_numpy(np.ones((30, 8), dtype=np.float32)))
    for method in ("greedy", "beam"):
        found = decode_cuts(model, cuts, decoding=DecodingParams(method=method))
        assert [hypothesis.text for hypothesis in found.values()] == ["", ""]


def test_words_are_counted_after_normalisation_and_texts_stay_as_they_are(monkeypatch, tmp_path):
    pytest.importorskip("whisper_normalizer")
    from isogloss.inference import transcribe as module
    from isogloss.recognizers import Hypothesis

    table = pd.DataFrame(
        {
            "utterance_id": ["a", "b"],
            "speaker_id": ["s", "s"],
            "split": ["test", "test"],
            "weight": [1.0, 1.0],
            "ref": ["it is twenty one", "do not go"],
            "words": [4, 3],
            "duration_s": [1.0, 1.0],
            **{name: [None, None] for name in ("latitude", "longitude", "zip", "gender", "age", "accent")},
        }
    )
    said = {"a": Hypothesis("It's 21."), "b": Hypothesis("Don't stop!")}
    monkeypatch.setattr(module, "read_cuts", lambda path, hears: [])
    monkeypatch.setattr(module, "decode_cuts", lambda *_, **__: said)
    recognizer = SimpleNamespace(hears="audio")
    options = {"data": tmp_path, "threads": 1, "decoding": DecodingParams()}
    plain = module.transcribe(recognizer, table, ["test"], **options)
    english = module.transcribe(recognizer, table, ["test"], **options, steps=("english",))
    counts = ["words", "substitutions", "deletions", "insertions"]
    assert english["hyp"].tolist() == plain["hyp"].tolist() == ["It's 21.", "Don't stop!"]
    assert plain["words"].tolist() == [4, 3]
    assert english[counts].to_numpy().tolist() == [[3, 0, 0, 0], [3, 1, 0, 0]]


def test_letters_count_the_same_in_either_unicode_form():
    from isogloss.inference.transcribe import count_errors
    from isogloss.recognizers import Hypothesis

    table = pd.DataFrame(
        {
            "utterance_id": ["a"],
            "speaker_id": ["s"],
            "split": ["test"],
            "weight": [1.0],
            "ref": ["caf\u00e9 noir"],
            "words": [2],
            "duration_s": [1.0],
            **{name: [None] for name in ("latitude", "longitude", "zip", "gender", "age", "accent")},
        }
    )
    counted = count_errors({"a": Hypothesis("cafe\u0301 noir")}, table)
    assert counted["substitutions"].tolist() == [0] and counted["hyp"].tolist() == ["caf\u00e9 noir"]
