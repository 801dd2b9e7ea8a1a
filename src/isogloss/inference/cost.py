"""What a recogniser costs: its parameters, its operations for a second of speech, and how late it speaks.

Everything here is counted or comes from hypothesis times, so that it is the same on every machine; wall time is not
(`benchmarks/` measure it).
"""

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.determinism import compute_repeatably
from isogloss.inference.transcribe import search_cuts
from isogloss.judging.latency import FRAME_SHIFT, algorithmic_latency, emission_delay
from isogloss.recognizers.batches import Batch, Utterances
from isogloss.recognizers.transducer import Transducer, build_encoder
from isogloss.recognizers.transducer.encoders.amortized import AmortizedEncoder
from isogloss.recognizers.transducer.flops import Flops, count_flops

COUNTED_UTTERANCES = 100
"""Utterances whose operations are counted, spread evenly over the split (counting takes longer than encoding)."""


def recognizer_cost(
    model: Transducer, utterances: pd.DataFrame, split: str, *, data: Path, decoding: DecodingParams
) -> dict[str, Any]:
    """The cost of a recogniser on a split.

    Parameters
    ----------
    model
        The recogniser; it is moved to an accelerator where there is one.
    utterances
        The metadata table of all splits.
    split
        On which it is measured.
    data
        Folder of the prepared data: `cuts/<split>.jsonl` and `tokens.txt`.
    decoding
        How hypotheses are searched for.

    Returns
    -------
    `parameters` (of the encoder and of all), `flops` of the encoder (`per_second` of audio, `dense_share` where gates
    switch computation off), `latency` (`isogloss.judging.latency.algorithmic_latency`) and `emission_delay`.
    """
    compute_repeatably(1)
    tokens = Tokens.read(data / "tokens.txt")
    cuts = read_cuts(data / "cuts" / f"{split}.jsonl")
    hypotheses = search_cuts(model, cuts, tokens, decoding=decoding)
    every = max(1, len(cuts) // COUNTED_UTTERANCES)
    counted = Utterances(tokens, label=False)[cuts.subset(cut_ids=list(cuts.ids)[::every][:COUNTED_UTTERANCES])]
    flops = count_flops(model.encoder, model.cpu().normalise(counted.features_BTF), counted.lengths_B)
    references = dict(zip(utterances["utterance_id"], utterances["ref"], strict=True))
    seconds_per_frame = model.encoder.subsampling * FRAME_SHIFT
    found = [hypotheses[cut.id] for cut in cuts]
    return {
        "split": split,
        "encoder": model.configuration["encoder"],
        "parameters": {"encoder": _parameters(model.encoder), "total": _parameters(model)},
        "flops": {
            "per_second": round(flops.per_second, 1),
            "dense_share": _dense_share(model, counted, flops),
            "utterances": len(counted.ids),
            "seconds": round(flops.seconds, 2),
        },
        "latency": algorithmic_latency(subsampling=model.encoder.subsampling),
        "emission_delay": emission_delay(
            [cut.load_features() for cut in cuts],
            [hypothesis.frames[-1] * seconds_per_frame if hypothesis.frames else None for hypothesis in found],
            [
                _last_word(tokens.decode(hypothesis.tokens)) == _last_word(references[cut.id])
                for cut, hypothesis in zip(cuts, found, strict=True)
            ],
        ),
    }


def _dense_share(model: Transducer, counted: Batch, flops: Flops) -> float | None:
    """Operations with hard gates over those of the same encoder without gates; None where it has none."""
    if not (isinstance(model.encoder, AmortizedEncoder) and model.encoder.arbitrators):
        return None
    configuration = model.configuration
    options = configuration["encoder_options"] | {"gates": "none"}
    dense = build_encoder(configuration["encoder"], input_dim=configuration["input_dim"], **options)
    return round(flops.total / count_flops(dense, counted.features_BTF, counted.lengths_B).total, 6)


def _parameters(module: torch.nn.Module) -> int:
    """Parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def _last_word(text: str) -> str:
    """The last word of a text, nothing for an empty one."""
    return text.rpartition(" ")[2]
