"""Word errors of utterances, and the error rate of any set of them.

An error rate is always a ratio of sums, sum(weight * errors) / sum(weight * words); a mean of per-utterance
ratios would let a two-word command count as much as a paragraph.
"""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from rapidfuzz.distance import Levenshtein

from isogloss.checks import LARGEST
from isogloss.errors import TableError
from isogloss.tables import require_columns

ERROR_COLUMNS = ("substitutions", "deletions", "insertions")


def word_errors(references: Iterable[str], hypotheses: Iterable[str]) -> pd.DataFrame:
    """Count the errors of each utterance on a minimal word alignment (Levenshtein, all costs 1).

    Words are what whitespace separates; normalise case and punctuation before. Where several alignments are
    minimal, the sum of the three counts is the same for all and one of them is taken, the same each time.

    Parameters
    ----------
    references, hypotheses
        Texts in the same order; an empty text has no words.

    Returns
    -------
    DataFrame of int64 with columns words (of the reference), substitutions, deletions, insertions; a row an
    utterance, numbered from 0.

    Raises
    ------
    TableError
        The lengths differ, or a text is missing (None, NaN) or no text at all.

    Examples
    --------
    >>> word_errors(["turn on the light"], ["turn the lights on"]).iloc[0].to_dict()
    {'words': 4, 'substitutions': 1, 'deletions': 1, 'insertions': 1}
    """
    references, hypotheses = list(references), list(hypotheses)
    if len(references) != len(hypotheses):
        raise TableError(f"{len(references)} references, but {len(hypotheses)} hypotheses; each utterance needs both")
    # Collect rows in a list: single assignments to an array would take as long as the alignments.
    counts: list[int] = []
    for row, (reference, hypothesis) in enumerate(zip(references, hypotheses, strict=True)):
        if not isinstance(reference, str) or not isinstance(hypothesis, str):
            which, text = ("hypothesis", hypothesis) if isinstance(reference, str) else ("reference", reference)
            raise TableError(f"row {row}: the {which} is {text!r}, not a text; write an empty text for silence")
        words = reference.split()
        counts.append(len(words))
        counts += (0, 0, 0) if reference == hypothesis else _edits(words, hypothesis.split())
    table_N4 = np.array(counts, dtype=np.int64).reshape(-1, 4)
    return pd.DataFrame(table_N4, columns=["words", *ERROR_COLUMNS])


def _edits(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> tuple[int, int, int]:
    """Substitutions, deletions and insertions of one minimal alignment."""
    tags = [tag for tag, _, _ in Levenshtein.editops(reference, hypothesis).as_list()]
    return tags.count("replace"), tags.count("delete"), tags.count("insert")


def error_counts(table: pd.DataFrame) -> NDArray[np.int64]:
    """Errors of each row: substitutions + deletions + insertions, or `errors` where only their sum is known."""
    if "errors" in table.columns:
        return table["errors"].to_numpy(dtype=np.int64)
    return table[list(ERROR_COLUMNS)].to_numpy(dtype=np.int64).sum(axis=1)


def row_weights(table: pd.DataFrame, weights: ArrayLike | None = None) -> NDArray[np.float64]:
    """The given weights, or else the column `weight`, or else 1 for each row.

    Raises
    ------
    TableError
        A weight is negative, huge or missing, or their number is not that of the rows.
    """
    if weights is None:
        weights = table["weight"] if "weight" in table.columns else np.ones(len(table))
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (len(table),):
        raise TableError(f"{values.size} weights stand against {len(table)} rows; give one weight a row")
    wrong = np.flatnonzero(~((values == 0) | ((values >= 1 / LARGEST) & (values <= LARGEST))))
    if wrong.size:
        raise TableError(
            f"row {wrong[0]}: weight is {values[wrong[0]]}; give 0, or {1 / LARGEST:g} to {LARGEST:g} (1 where unknown)"
        )
    return values


def error_rate(table: pd.DataFrame, weights: ArrayLike | None = None) -> float:
    """Word error rate of a set of rows: sum(weight * errors) / sum(weight * words), a fraction.

    `weights` are by default the column `weight` (1 where there is none). NaN where the rows have no reference
    word.

    Raises
    ------
    TableError
        One of the columns words, substitutions, deletions, insertions is missing, or a weight is impossible.
    """
    require_columns(table, ["words", *ERROR_COLUMNS], where="the table of word errors")
    weight = row_weights(table, weights)
    words = float(weight @ table["words"].to_numpy(dtype=np.float64))
    return float(weight @ error_counts(table)) / words if words > 0 else float("nan")


def known_rate(table: pd.DataFrame) -> float | None:
    """As `error_rate`, but None where the rows have no reference word."""
    rate = error_rate(table)
    return None if np.isnan(rate) else rate


def error_rates(table: pd.DataFrame, by: str | Sequence[str], weights: ArrayLike | None = None) -> pd.DataFrame:
    """Error rates of groups: index = values of `by`, sorted; columns speakers, utterances, words, error_rate.

    `words` is the plain number of reference words, `error_rate` the weighted ratio of sums. Rows whose `by`
    is missing form no group: fill them (for instance with "unspecified") before.
    """
    keys = [by] if isinstance(by, str) else list(by)
    require_columns(table, ["speaker_id", "words", *ERROR_COLUMNS, *keys], where="the table of word errors")
    weight = row_weights(table, weights)
    sums = table[[*keys, "speaker_id", "words"]].assign(
        _errors=weight * error_counts(table), _words=weight * table["words"].to_numpy(dtype=np.float64)
    )
    groups = sums.groupby(keys if len(keys) > 1 else keys[0], sort=True, observed=True)
    result = groups.agg(
        speakers=("speaker_id", "nunique"),
        utterances=("speaker_id", "size"),
        words=("words", "sum"),
        _errors=("_errors", "sum"),
        _words=("_words", "sum"),
    )
    result["error_rate"] = result["_errors"] / result["_words"].where(result["_words"] > 0)
    return result.drop(columns=["_errors", "_words"])
