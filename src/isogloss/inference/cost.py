"""The cost of a recogniser: parameters, operations for a second of speech, and latency.

All figures are counted or come from hypothesis times, so they are the same on every machine. Wall time is not;
`benchmarks/` measures it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lhotse import CutSet

from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.judging.latency import algorithmic_latency, emission_delay
from isogloss.recognizers import Cost, Recognizer
from isogloss.recognizers.batches import Hears, Utterances

COUNTED_UTTERANCES = 100
"""Number of utterances whose operations are counted, spread evenly over the split (counting takes longer than
encoding)."""
_UNREAD = np.empty((0, 0), dtype=np.float32)
"""Placeholder for the features of an utterance whose delay is not measured."""


def recognizer_cost(
    recognizer: Recognizer, results: pd.DataFrame, last_tokens: pd.DataFrame, split: str, *, data: Path
) -> dict[str, Any]:
    """The cost of a recogniser on a split that it has transcribed.

    Parameters
    ----------
    recognizer
        It is moved to the CPU.
    results, last_tokens
        What it has transcribed, and when its last tokens came (`isogloss.inference.transcribe`).
    split
        The split on which the cost is measured.
    data
        Folder of the prepared data: `cuts/<split>.jsonl`.

    Returns
    -------
    `parameters` (of the encoder and of all), `flops` of the encoder (`per_second` of audio; `dense_share` if gates skip
    computation), `latency` (`isogloss.judging.latency.algorithmic_latency`) and `emission_delay`. For a recogniser that
    cannot count its operations, `encoder`, its parameters, `flops` and `latency` are None; one that hears audio has no
    delay.
    """
    compute_repeatably(1)
    cuts = read_cuts(data / "cuts" / f"{split}.jsonl", hears=recognizer.hears)
    every = max(1, len(cuts) // COUNTED_UTTERANCES)
    some = cuts.subset(cut_ids=list(cuts.ids)[::every][:COUNTED_UTTERANCES])
    cost = recognizer.cpu().cost(Utterances(recognizer.hears)[some])
    return {
        "split": split,
        "encoder": None if cost is None else cost.encoder,
        "parameters": {
            "encoder": None if cost is None else cost.parameters,
            "total": sum(parameter.numel() for parameter in recognizer.parameters()),
        },
        "flops": None if cost is None else _flops(cost, utterances=len(some)),
        "latency": None if cost is None else algorithmic_latency(subsampling=cost.subsampling),
        "emission_delay": _delay(cuts, results[results["split"] == split], last_tokens, hears=recognizer.hears),
    }


def _delay(cuts: CutSet, results: pd.DataFrame, last_tokens: pd.DataFrame, *, hears: Hears) -> dict[str, Any]:
    """The delay of the last token over the utterances of a split. Features are read only of those that count.

    A recogniser of audio hears the whole utterance before it says anything, so none of its tokens has a delay.
    """
    said = results.merge(last_tokens, on="utterance_id", validate="one_to_one")
    times = [None if hears == "audio" or pd.isna(time) else float(time) for time in said["last_token_s"]]
    right = [_last_word(hyp) == _last_word(ref) for hyp, ref in zip(said["hyp"], said["ref"], strict=True)]
    features = [
        cuts[id_].load_features() if ends_right and time is not None else _UNREAD
        for id_, time, ends_right in zip(said["utterance_id"], times, right, strict=True)
    ]
    return emission_delay(features, times, right)


def _flops(cost: Cost, *, utterances: int) -> dict[str, Any]:
    """The operations that were counted on some utterances."""
    return {
        "per_second": round(cost.flops / cost.seconds, 1),
        "dense_share": None if cost.dense_share is None else round(cost.dense_share, 6),
        "utterances": utterances,
        "seconds": round(cost.seconds, 2),
    }


def _last_word(text: str) -> str:
    """The last word of a text; empty for an empty text."""
    return text.rpartition(" ")[2]
