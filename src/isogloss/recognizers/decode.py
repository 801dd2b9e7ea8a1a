"""Hypotheses and embeddings of whole sets of cuts, by any recogniser."""

from collections.abc import Mapping

import numpy as np
import torch
from lhotse import CutSet
from numpy.typing import NDArray

from isogloss.config import DecodingParams
from isogloss.recognizers.base import Hypothesis, Recognizer
from isogloss.recognizers.batches import Utterances, sorted_batches

BATCH_SECONDS = {"cpu": 100.0, "cuda": 400.0}
"""Audio in a batch, by type of device. On a CPU the frames of longer batches do not stay in its caches: at 400 s,
encoding takes twice the time."""
GREEDY = DecodingParams()


def decode_cuts(
    recognizer: Recognizer,
    cuts: CutSet,
    *,
    decoding: DecodingParams = GREEDY,
    cohorts: Mapping[str, str] | None = None,
) -> dict[str, Hypothesis]:
    """The best hypothesis of each cut, by its id.

    Parameters
    ----------
    recognizer
        It is moved to an accelerator if there is one, and put into evaluation mode.
    cuts
        Transcribed in batches of like durations.
    decoding
        How hypotheses are searched for.
    cohorts
        The cohort of each utterance id, for a recogniser that has it for an input.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recognizer = recognizer.to(device).eval()
    best: dict[str, Hypothesis] = {}
    for batch in sorted_batches(
        cuts, Utterances(recognizer.hears, cohorts=cohorts), seconds=BATCH_SECONDS[device.type]
    ):
        best |= zip(batch.ids, recognizer.transcribe(batch.to(device), decoding), strict=True)
    return best


@torch.inference_mode()
def embed_heard(recognizer: Recognizer, cuts: CutSet) -> dict[str, NDArray[np.float32]]:
    """The embedding of each cut by `Recognizer.embed`, (D,), by the cut's id.

    Parameters
    ----------
    recognizer
        As for `decode_cuts`. A recogniser with a cohort as an input gets an unknown one.
    cuts
        Embedded in batches of like durations.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recognizer = recognizer.to(device).eval()
    vectors: dict[str, NDArray[np.float32]] = {}
    for batch in sorted_batches(cuts, Utterances(recognizer.hears), seconds=BATCH_SECONDS[device.type]):
        vectors |= zip(batch.ids, recognizer.embed(batch.to(device)).cpu().numpy(), strict=True)
    return vectors
