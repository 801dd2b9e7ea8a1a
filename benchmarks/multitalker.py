"""Streaming speed of the multi-talker systems on one CPU thread, and that a stream says what the whole says.

    python benchmarks/multitalker.py

Twenty seconds of noise whose level wanders, in chunks of 100 ms, through each system in the default size of
params.yaml. The weights are random and say as much as the search allows (five tokens a frame and channel, several times
what talkers say), so the times are upper bounds. Time is processor time of the one thread, which other work on the
machine disturbs little; on a free core it is the time on the clock. The real-time factor is that time over the audio's.
Then five seconds again in chunks of odd sizes, which have to give the turns of the whole.
"""

import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isogloss.config import MultitalkerParams, Params
from isogloss.corpus.frontend.features import SAMPLING_RATE, feature_extractor
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.determinism import compute_repeatably
from isogloss.recognizers.multitalker.recognizer import MultitalkerRecognizer
from isogloss.recognizers.transducer import TransducerRecognizer
from isogloss.tables import write_json

RESULT = Path(__file__).parent / "results" / "multitalker.json"
SECONDS, CHUNK = 20, SAMPLING_RATE // 10
ODD = (159, 997, 4001)
LETTERS = "abcdefghijklmnopqrstuvwxyz '"


def audio(seconds: int) -> np.ndarray:
    """Noise whose level wanders."""
    rng = np.random.default_rng(1)
    level_N = 0.2 * np.abs(np.sin(np.arange(seconds * SAMPLING_RATE) / 4000.0)) ** 2
    return (level_N * rng.standard_normal(len(level_N))).astype(np.float32)


def recognizer(system: Any) -> MultitalkerRecognizer:
    """A system of the default size with random weights."""
    torch.manual_seed(1)
    params = Params()
    base = TransducerRecognizer(
        Tokens.of([LETTERS]),
        encoder=params.asr.encoder,
        encoder_options=params.section(params.asr.encoder).model_dump(),
        input_dim=params.prepare.num_filters,
        predictor_dim=params.asr.predictor_dim,
        joiner_dim=params.asr.joiner_dim,
    )
    base.feature_mean_F.fill_(-8.0)
    base.feature_scale_F.fill_(3.0)
    model = MultitalkerRecognizer.start_from(base, system, MultitalkerParams()).eval()
    with torch.no_grad():
        model.transducer.predictor_projection.weight.mul_(20.0)
        model.transducer.output_layer.weight.mul_(4.0)
    return model


def streamed(model: MultitalkerRecognizer, samples_N: np.ndarray, chunk: int) -> Any:
    """The turns of a recording in chunks."""
    stream = model.stream()
    for at in range(0, len(samples_N), chunk):
        stream.accept(samples_N[at : at + chunk])
    return stream.finish()


def measured(system: str) -> dict[str, Any]:
    """Size, real-time factor, tokens a second, and whether streams say what the whole says."""
    model = recognizer(system)
    samples_N = audio(SECONDS)
    streamed(model, samples_N[:SAMPLING_RATE], CHUNK)  # the first call is slow
    begun = time.process_time()
    turns = streamed(model, samples_N, CHUNK)
    seconds = time.process_time() - begun
    short_N = audio(5)
    features_TF = torch.as_tensor(feature_extractor(40).extract(short_N, SAMPLING_RATE))
    (whole,) = model.transcribe(features_TF[None], torch.tensor([len(features_TF)]))
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "real_time_factor": round(seconds / SECONDS, 4),
        "characters_per_second": round(sum(len(turn.text) for turn in turns) / SECONDS, 1),
        "streams_equal_the_whole": {str(chunk): streamed(model, short_N, chunk) == whole for chunk in ODD},
    }


if __name__ == "__main__":
    compute_repeatably(1)
    found = {system: measured(system) for system in ("sts", "tsot", "single")}
    write_json({"machine": platform.machine(), "torch": torch.__version__, "systems": found}, RESULT)
    for system, figures in found.items():
        print(system, figures)
