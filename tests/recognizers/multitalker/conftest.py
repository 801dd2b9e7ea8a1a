"""A tiny single-talker recogniser, and the systems that start from it."""

import functools

import numpy as np
import pytest
import torch

from isogloss.config import MultitalkerParams
from isogloss.corpus.frontend.features import feature_extractor
from isogloss.corpus.frontend.samples import SAMPLING_RATE
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.recognizers.multitalker.recognizer import MultitalkerRecognizer
from isogloss.recognizers.transducer import TransducerRecognizer

ENCODERS = {
    "lstm": {"channels": 4, "hidden_dim": 16, "layers": 1, "subsampling": 4},
    "conformer": {"channels": 4, "dim": 16, "layers": 1, "heads": 2, "feed_forward": 32, "subsampling": 3},
}


@pytest.fixture(scope="session")
def params():
    return MultitalkerParams(separator_channels=4, separator_dim=12)


@pytest.fixture(scope="session")
def single_talker():
    def make(encoder="lstm", seed=3):
        torch.manual_seed(seed)
        base = TransducerRecognizer(
            Tokens.of(["abcd "]),
            encoder=encoder,
            encoder_options=ENCODERS[encoder],
            input_dim=20,
            predictor_dim=8,
            joiner_dim=12,
        )
        base.feature_mean_F.fill_(-6.0)
        base.feature_scale_F.fill_(4.0)
        return base

    return make


@pytest.fixture(scope="session")
def noise():
    """Noise whose level wanders."""

    def make(seconds, seed=1):
        rng = np.random.default_rng(seed)
        level_N = 0.2 * np.abs(np.sin(np.linspace(0.0, 20.0, int(seconds * SAMPLING_RATE)))) ** 2
        return (level_N * rng.standard_normal(len(level_N))).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def whole():
    """What a recogniser says of some mixtures at once."""

    def transcribe(model, *mixtures):
        features = [torch.as_tensor(feature_extractor(20).extract(one, SAMPLING_RATE)) for one in mixtures]
        lengths_B = torch.tensor([len(one) for one in features])
        return model.transcribe(torch.nn.utils.rnn.pad_sequence(features, batch_first=True), lengths_B)

    return transcribe


@pytest.fixture(scope="session")
def talkative(single_talker, params, noise, whole):
    """The first random weights that say several words of different letters at a noise."""

    @functools.cache
    def make(system, encoder="lstm"):
        for seed in range(200):
            model = MultitalkerRecognizer.start_from(single_talker(encoder, seed), system, params).eval()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.mul_(2.0)
                model.transducer.predictor_projection.weight.mul_(15.0)
                model.transducer.output_layer.weight.mul_(3.0)
                model.transducer.output_layer.bias[0] += 2.0
            words = [word.text for turn in whole(model, noise(3.001))[0] for word in turn.words]
            if len(words) > 4 and len(set("".join(words))) > 2:
                return model
        raise AssertionError("no random weights say anything")

    return make


@pytest.fixture(params=["sts", "tsot", "single"])
def system(request):
    return request.param
