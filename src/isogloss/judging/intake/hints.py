"""Suggestions of missing steps of normalisation, from the texts of an audit."""

import unicodedata
from collections.abc import Sequence

import pandas as pd

from isogloss.io.normalise import lacks_spaces, normalise
from isogloss.judging.word_errors import error_counts, word_errors

SAMPLE = 2000
"""Largest number of utterances that are examined."""
MOST = 0.5
"""A step that removes at least this share of all errors is suggested (our choice)."""
TRIED = {
    "case": ("lower",),
    "case and punctuation": ("lower", "punctuation"),
}


def hints(references: Sequence[str], hypotheses: Sequence[str], table: pd.DataFrame, steps: Sequence[str]) -> list[str]:
    """Suggestions, in sentences.

    Parameters
    ----------
    references, hypotheses
        Normalised texts.
    table
        Their word errors (`word_errors`).
    steps
        Steps of normalisation that were applied.
    """
    if "characters" in steps:
        return []
    if lacks_spaces(references):
        return [
            "the references hold hardly any space, so whole utterances count as words; for character error rates (CER) "
            "pass --unit char"
        ]
    rows = list(range(0, len(references), -(-len(references) // SAMPLE)))
    errors = int(error_counts(table.iloc[rows]).sum())
    sample = [[side[row] for row in rows] for side in (references, hypotheses)]
    composed = [[unicodedata.normalize("NFC", text) for text in side] for side in sample]
    if composed != sample and (left := int(error_counts(word_errors(*composed)).sum())) < errors:
        return [
            f"{errors - left} of {errors} errors are the same letters in another Unicode form (such as é as one "
            "character or as e and an accent); add nfkc to --normalise"
        ]
    if errors < 10:
        return []
    for what, tried in TRIED.items():
        if set(tried) <= set(steps) or {"basic", "english"} & set(steps):
            continue
        left = int(error_counts(word_errors(*(normalise(side, tried) for side in sample))).sum())
        if left <= (1 - MOST) * errors:
            return [
                f"{what} alone make {1 - left / errors:.0%} of the errors; if they are not meant to count, add "
                f"{','.join(tried)} to --normalise"
            ]
    return []
