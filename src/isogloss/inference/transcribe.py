"""Decoding whole splits into result tables: one row an utterance, with its hypothesis and errors, or its timing."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.io.normalise import normalise
from isogloss.judging.word_errors import word_errors
from isogloss.recognizers import Hypothesis, Recognizer
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
        The cohort of each utterance id, for a model that takes it as an input.
    steps
        Steps of `isogloss.io.normalise.normalise`, applied to references and hypotheses before words are counted; the
        texts in the table are not changed.

    Returns
    -------
    The rows of those splits with `hyp, substitutions, deletions, insertions`, and `words` of the normalised references.
    """
    hypotheses = decode_splits(recognizer, splits, data=data, threads=threads, decoding=decoding, cohorts=cohorts)
    return count_errors(hypotheses, utterances[utterances["split"].isin(splits)], steps=steps)


def decode_splits(
    recognizer: Recognizer,
    splits: Sequence[str],
    *,
    data: Path,
    threads: int,
    decoding: DecodingParams,
    cohorts: Mapping[str, str] | None = None,
) -> dict[str, Hypothesis]:
    """The best hypothesis of each utterance of some splits, by its id; arguments as of `transcribe`."""
    compute_repeatably(threads)
    found: dict[str, Hypothesis] = {}
    for split in splits:
        cuts = read_cuts(data / "cuts" / f"{split}.jsonl", hears=recognizer.hears)
        found |= decode_cuts(recognizer, cuts, decoding=decoding, cohorts=cohorts)
    return found


def count_errors(
    hypotheses: Mapping[str, Hypothesis], utterances: pd.DataFrame, *, steps: Sequence[str] = ()
) -> pd.DataFrame:
    """The rows of `utterances`, each of which has a hypothesis, as `transcribe` returns them.

    References are in Unicode's composed form (NFC), so hypotheses are brought into it.
    """
    table = utterances.reset_index(drop=True)
    table["hyp"] = [unicodedata.normalize("NFC", hypotheses[id_].text) for id_ in table["utterance_id"]]
    counts = word_errors(*(normalise(table[column].tolist(), steps) for column in ("ref", "hyp")))
    for column in ("words", "substitutions", "deletions", "insertions"):
        table[column] = counts[column].to_numpy()
    return conform(table, {**METADATA_COLUMNS, **RESULT_COLUMNS}, where="transcription")


def last_tokens(hypotheses: Mapping[str, Hypothesis]) -> pd.DataFrame:
    """`utterance_id, last_token_s`: when the last token of each hypothesis was emitted.

    `last_token_s` is in seconds of audio as `Hypothesis.token_seconds` counts them; null where there is no token, or
    where the recogniser has no times of its tokens.
    """
    times = [hypothesis.token_seconds[-1] if hypothesis.token_seconds else None for hypothesis in hypotheses.values()]
    return pd.DataFrame({"utterance_id": list(hypotheses), "last_token_s": pd.Series(times, dtype="float64")})
