"""Decoding whole splits into result tables: one row an utterance, with its hypothesis and errors."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from lhotse import CutSet

from isogloss.corpus.tokens import Tokens
from isogloss.decoding import greedy_decode
from isogloss.evaluation.word_errors import word_errors
from isogloss.models import Transducer
from isogloss.tables import METADATA_COLUMNS, RESULT_COLUMNS, conform
from isogloss.training.batches import Utterances, read_cuts, sorted_batches

BATCH_SECONDS = 400.0


def transcribe(
    model: Transducer, utterances: pd.DataFrame, splits: Sequence[str], *, data: Path, threads: int
) -> pd.DataFrame:
    """Decode splits greedily and count word errors.

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

    Returns
    -------
    The rows of those splits with `hyp, substitutions, deletions, insertions`.
    """
    torch.set_num_threads(threads)
    tokens = Tokens.read(data / "tokens.txt")
    hypotheses: dict[str, str] = {}
    for split in splits:
        hypotheses |= decode_cuts(model, read_cuts(data / "cuts" / f"{split}.jsonl"), tokens)
    table = utterances[utterances["split"].isin(splits)].reset_index(drop=True)
    table["hyp"] = table["utterance_id"].map(hypotheses)
    counts = word_errors(table["ref"].tolist(), table["hyp"].tolist())
    for column in ("substitutions", "deletions", "insertions"):
        table[column] = counts[column].to_numpy()
    return conform(table, {**METADATA_COLUMNS, **RESULT_COLUMNS}, where="transcription")


def decode_cuts(model: Transducer, cuts: CutSet, tokens: Tokens) -> dict[str, str]:
    """The text of each cut, by its id."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).eval()
    texts: dict[str, str] = {}
    for batch in sorted_batches(cuts, Utterances(tokens, label=False), seconds=BATCH_SECONDS):
        decoded = greedy_decode(model, batch.features_BTF.to(device), batch.lengths_B.to(device))
        texts |= {id_: tokens.decode(hyp.tokens) for id_, hyp in zip(batch.ids, decoded, strict=True)}
    return texts
