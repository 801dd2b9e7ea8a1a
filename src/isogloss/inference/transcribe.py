"""Decoding whole splits into result tables: one row an utterance, with its hypothesis and errors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.io.normalise import normalise
from isogloss.judging.word_errors import word_errors
from isogloss.recognizers import Recognizer
from isogloss.recognizers.decode import decode_cuts
from isogloss.tables import METADATA_COLUMNS, RESULT_COLUMNS, conform


def transcribe(
    recognizer: Recognizer,
    utterances: pd.DataFrame,
    splits: Sequence[str],
    *,
    data: Path,
    threads: int,
    decoding: DecodingParams,
    cohorts: Mapping[str, str] | None = None,
    steps: Sequence[str] = (),
) -> pd.DataFrame:
    """Decode splits and count word errors.

    Parameters
    ----------
    recognizer
        It is moved to an accelerator where there is one.
    utterances
        The metadata table of all splits.
    splits
        Which of them to decode.
    data
        Folder of the prepared data: `cuts/<split>.jsonl`.
    threads
        CPU threads; fixed, as sums differ between one and two.
    decoding
        How hypotheses are searched for.
    cohorts
        The cohort that the rule gives each utterance id, for a model that has it for an input.
    steps
        Of `isogloss.io.normalise.normalise`, applied to references and hypotheses before words are counted; the texts
        in the table stay as they are.

    Returns
    -------
    The rows of those splits with `hyp, substitutions, deletions, insertions`, and `words` of the normalised references.
    """
    compute_repeatably(threads)
    texts: dict[str, str] = {}
    for split in splits:
        cuts = read_cuts(data / "cuts" / f"{split}.jsonl", hears=recognizer.hears)
        found = decode_cuts(recognizer, cuts, decoding=decoding, cohorts=cohorts)
        texts |= {id_: hypothesis.text for id_, hypothesis in found.items()}
    table = utterances[utterances["split"].isin(splits)].reset_index(drop=True)
    table["hyp"] = table["utterance_id"].map(texts)
    counts = word_errors(*(normalise(table[column].tolist(), steps) for column in ("ref", "hyp")))
    for column in ("words", "substitutions", "deletions", "insertions"):
        table[column] = counts[column].to_numpy()
    return conform(table, {**METADATA_COLUMNS, **RESULT_COLUMNS}, where="transcription")
