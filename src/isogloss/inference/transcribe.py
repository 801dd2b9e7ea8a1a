"""Decoding whole splits into result tables: one row an utterance, with its hypothesis and errors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch
from lhotse import CutSet

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.determinism import compute_repeatably
from isogloss.judging.word_errors import word_errors
from isogloss.recognizers.batches import Batch, Utterances, sorted_batches
from isogloss.recognizers.transducer import Transducer
from isogloss.recognizers.transducer.decoding import Hypothesis, beam_decode, greedy_decode
from isogloss.tables import METADATA_COLUMNS, RESULT_COLUMNS, conform

BATCH_SECONDS = 400.0
GREEDY = DecodingParams()


def transcribe(
    model: Transducer,
    utterances: pd.DataFrame,
    splits: Sequence[str],
    *,
    data: Path,
    threads: int,
    decoding: DecodingParams,
    cohorts: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Decode splits and count word errors.

    Parameters
    ----------
    model
        The recogniser; it is moved to an accelerator where there is one.
    utterances
        The metadata table of all splits.
    splits
        Which of them to decode.
    data
        Folder of the prepared data: `cuts/<split>.jsonl` and `tokens.txt`.
    threads
        CPU threads; fixed, as sums differ between one and two.
    decoding
        How hypotheses are searched for.
    cohorts
        The cohort that the rule gives each utterance id, for a model that has it for an input.

    Returns
    -------
    The rows of those splits with `hyp, substitutions, deletions, insertions`.
    """
    compute_repeatably(threads)
    tokens = Tokens.read(data / "tokens.txt")
    texts: dict[str, str] = {}
    for split in splits:
        cuts = read_cuts(data / "cuts" / f"{split}.jsonl")
        texts |= decode_cuts(model, cuts, tokens, decoding=decoding, cohorts=cohorts)
    table = utterances[utterances["split"].isin(splits)].reset_index(drop=True)
    table["hyp"] = table["utterance_id"].map(texts)
    counts = word_errors(table["ref"].tolist(), table["hyp"].tolist())
    for column in ("substitutions", "deletions", "insertions"):
        table[column] = counts[column].to_numpy()
    return conform(table, {**METADATA_COLUMNS, **RESULT_COLUMNS}, where="transcription")


def decode_cuts(
    model: Transducer,
    cuts: CutSet,
    tokens: Tokens,
    *,
    decoding: DecodingParams = GREEDY,
    cohorts: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The text of each cut, by its id."""
    found = search_cuts(model, cuts, tokens, decoding=decoding, cohorts=cohorts)
    return {id_: tokens.decode(hypothesis.tokens) for id_, hypothesis in found.items()}


def search_cuts(
    model: Transducer,
    cuts: CutSet,
    tokens: Tokens,
    *,
    decoding: DecodingParams = GREEDY,
    cohorts: Mapping[str, str] | None = None,
) -> dict[str, Hypothesis]:
    """The best hypothesis of each cut, by its id: its tokens and the encoder frames of their emission."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).eval()
    best: dict[str, Hypothesis] = {}
    for batch in sorted_batches(cuts, Utterances(tokens, label=False, cohorts=cohorts), seconds=BATCH_SECONDS):
        best |= zip(batch.ids, _decode(model, batch.to(device), decoding), strict=True)
    return best


def _decode(model: Transducer, batch: Batch, decoding: DecodingParams) -> list[Hypothesis]:
    """The best hypothesis of each utterance of a batch."""
    limit, cohorts = decoding.max_tokens_per_frame, batch.cohorts
    if decoding.method == "greedy":
        return greedy_decode(model, batch.features_BTF, batch.lengths_B, cohorts=cohorts, max_tokens_per_frame=limit)
    found = beam_decode(
        model,
        batch.features_BTF,
        batch.lengths_B,
        beam=decoding.beam,
        nbest=1,
        cohorts=cohorts,
        max_tokens_per_frame=limit,
    )
    return [hypotheses[0] if hypotheses else Hypothesis() for hypotheses in found]  # none of a model that gives NaN
