"""Hypotheses of whole sets of cuts."""

import numpy as np
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
