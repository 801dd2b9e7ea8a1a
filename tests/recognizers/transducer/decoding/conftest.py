"""Tiny transducers that talk: random ones mostly say blank, and nothing can be compared."""

import pytest
import torch

from isogloss.recognizers.transducer import Transducer


def talkative(seed: int = 7, *, vocabulary: int = 6, input_dim: int = 20, blank_bias: float = 2.0) -> Transducer:
    """A random LSTM transducer that emits several tokens, some of them in one frame."""
    torch.manual_seed(seed)
    model = Transducer(
        encoder="lstm",
        encoder_options={"channels": 4, "hidden_dim": 16, "layers": 1},
        input_dim=input_dim,
        vocabulary=vocabulary,
        predictor_dim=8,
        joiner_dim=12,
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
        model.predictor_projection.weight.mul_(15.0)
        model.output_layer.weight.mul_(3.0)
        model.output_layer.bias[0] += blank_bias
    return model


@pytest.fixture(scope="session")
def talkative_model():
    return talkative
