"""Hypotheses of whole sets of cuts, by any recogniser."""

from collections.abc import Mapping

import torch
from lhotse import CutSet

from isogloss.config import DecodingParams
from isogloss.recognizers.base import Hypothesis, Recognizer
from isogloss.recognizers.batches import Utterances, sorted_batches

BATCH_SECONDS = 400.0
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
        It is moved to an accelerator where there is one, and put into evaluation mode.
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
    for batch in sorted_batches(cuts, Utterances(recognizer.hears, cohorts=cohorts), seconds=BATCH_SECONDS):
        best |= zip(batch.ids, recognizer.transcribe(batch.to(device), decoding), strict=True)
    return best
