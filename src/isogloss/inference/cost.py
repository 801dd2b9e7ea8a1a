"""The cost of a recogniser: parameters, operations for a second of speech, and latency.

Everything here is counted or comes from hypothesis times, so that it is the same on every machine; wall time is not
(`benchmarks/` measure it).
"""

from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.judging.latency import algorithmic_latency, emission_delay
from isogloss.recognizers import Cost, Hypothesis, Recognizer
from isogloss.recognizers.batches import Utterances
from isogloss.recognizers.decode import decode_cuts

COUNTED_UTTERANCES = 100
"""Utterances whose operations are counted, spread evenly over the split (counting takes longer than encoding)."""


def recognizer_cost(
    recognizer: Recognizer, utterances: pd.DataFrame, split: str, *, data: Path, decoding: DecodingParams
) -> dict[str, Any]:
    """The cost of a recogniser on a split.

    Parameters
    ----------
    recognizer
        It is moved to an accelerator where there is one, and to the CPU at last.
    utterances
        The metadata table of all splits.
    split
        On which it is measured.
    data
        Folder of the prepared data: `cuts/<split>.jsonl`.
    decoding
        How hypotheses are searched for.

    Returns
    -------
    `parameters` (of the encoder and of all), `flops` of the encoder (`per_second` of audio, `dense_share` where gates
    switch computation off), `latency` (`isogloss.judging.latency.algorithmic_latency`) and `emission_delay`. Of a
    recogniser that cannot count its operations, `encoder`, its parameters, `flops` and `latency` are None.
    """
    compute_repeatably(1)
    cuts = read_cuts(data / "cuts" / f"{split}.jsonl", hears=recognizer.hears)
    hypotheses = decode_cuts(recognizer, cuts, decoding=decoding)
    every = max(1, len(cuts) // COUNTED_UTTERANCES)
    some = cuts.subset(cut_ids=list(cuts.ids)[::every][:COUNTED_UTTERANCES])
    cost = recognizer.cpu().cost(Utterances(recognizer.hears)[some])
    references = dict(zip(utterances["utterance_id"], utterances["ref"], strict=True))
    found = [hypotheses[cut.id] for cut in cuts]
    return {
        "split": split,
        "encoder": None if cost is None else cost.encoder,
        "parameters": {
            "encoder": None if cost is None else cost.parameters,
            "total": sum(parameter.numel() for parameter in recognizer.parameters()),
        },
        "flops": None if cost is None else _flops(cost, utterances=len(some)),
        "latency": None if cost is None else algorithmic_latency(subsampling=cost.subsampling),
        "emission_delay": emission_delay(
            [cut.load_features() for cut in cuts],
            [_last_token_seconds(hypothesis) for hypothesis in found],
            [
                _last_word(hypothesis.text) == _last_word(references[cut.id])
                for cut, hypothesis in zip(cuts, found, strict=True)
            ],
        ),
    }


def _flops(cost: Cost, *, utterances: int) -> dict[str, Any]:
    """The operations that were counted on some utterances."""
    return {
        "per_second": round(cost.flops / cost.seconds, 1),
        "dense_share": None if cost.dense_share is None else round(cost.dense_share, 6),
        "utterances": utterances,
        "seconds": round(cost.seconds, 2),
    }


def _last_token_seconds(hypothesis: Hypothesis) -> float | None:
    """When the last token was emitted; None where there is none, or its time is not known."""
    return hypothesis.token_seconds[-1] if hypothesis.token_seconds else None


def _last_word(text: str) -> str:
    """The last word of a text, nothing for an empty one."""
    return text.rpartition(" ")[2]
