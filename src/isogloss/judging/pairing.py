"""Two result tables of the same utterances, laid side by side, and their totals by speaker."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.judging.word_errors import ERROR_COLUMNS, error_counts, row_weights
from isogloss.tables import require_columns

TOTALS = ["errors_before", "words_before", "errors_after", "words_after"]
"""Weighted totals, in the order in which `statistics.estimands` wants them."""


def pair_utterances(before: pd.DataFrame, after: pd.DataFrame, assignments: pd.DataFrame) -> pd.DataFrame:
    """One row an utterance of split test: utterance_id, speaker_id, cohort, words, and the weighted `TOTALS`.

    Rows of other splits are left aside where a table has a column `split`. Weights are those of `before`.

    Raises
    ------
    TableError
        A column is missing, an id occurs twice, the two tables differ in their ids, speakers or reference
        words (how many, and three of them), an utterance has no cohort, or nothing is left.
    """
    needed = ["utterance_id", "speaker_id", "words", *ERROR_COLUMNS]
    sides = {}
    for name, table in (("before", before), ("after", after)):
        require_columns(table, needed, where=f"the table {name}")
        rows = table[table["split"] == "test"] if "split" in table.columns else table
        _refuse_duplicates(rows["utterance_id"], f"the table {name}")
        sides[name] = rows.set_index("utterance_id")
    first, second = sides["before"], sides["after"]
    if first.empty:
        raise TableError("the table before has no utterance of split test; there is nothing to compare")
    _refuse_different_ids(first.index, second.index)
    second = second.loc[first.index]
    for column, what in (("speaker_id", "speaker"), ("words", "number of reference words")):
        differ = first.index[first[column].to_numpy() != second[column].to_numpy()]
        if len(differ):
            raise TableError(
                f"{len(differ)} utterances have another {what} before than after ({_three(differ)}); "
                "both tables must come from the same references"
            )
    weight = row_weights(first)
    words = weight * first["words"].to_numpy(np.float64)
    return pd.DataFrame(
        {
            "utterance_id": first.index.to_numpy(),
            "speaker_id": first["speaker_id"].to_numpy(),
            "cohort": _cohorts(first.index, assignments),
            "words": first["words"].to_numpy(np.int64),
            "errors_before": weight * error_counts(first),
            "words_before": words,
            "errors_after": weight * error_counts(second),
            "words_after": words,
        }
    )


def totals_by_speaker(pairs: pd.DataFrame) -> NDArray[np.float64]:
    """`TOTALS` of each speaker, (speakers, 4), in the order of their ids."""
    return pairs.groupby("speaker_id", sort=True, observed=True)[TOTALS].sum().to_numpy(np.float64)


def totals_by_speaker_and_cohort(pairs: pd.DataFrame, cohorts: Iterable[str]) -> NDArray[np.float64]:
    """`TOTALS` of each speaker in each of the given cohorts, (speakers, cohorts, 4)."""
    wanted = list(cohorts)
    rows = pairs[pairs["cohort"].isin(wanted)]
    speakers, _ = pd.factorize(rows["speaker_id"], sort=True)
    columns = pd.Index(wanted).get_indexer(pd.Index(rows["cohort"]))
    totals = np.zeros((speakers.max() + 1, len(wanted), len(TOTALS)))
    np.add.at(totals, (speakers, columns), rows[TOTALS].to_numpy(np.float64))
    return totals


def _cohorts(ids: pd.Index, assignments: pd.DataFrame) -> NDArray[np.object_]:
    """The cohort of each id."""
    require_columns(assignments, ["utterance_id", "cohort"], where="the assignments")
    _refuse_duplicates(assignments["utterance_id"], "the assignments")
    cohorts = assignments.set_index("utterance_id")["cohort"].reindex(ids)
    missing = ids[cohorts.isna().to_numpy()]
    if len(missing):
        raise TableError(f"{len(missing)} of {len(ids)} utterances have no cohort ({_three(missing)}); assign them one")
    return cohorts.astype(str).to_numpy(dtype=object)


def _refuse_duplicates(ids: pd.Series, where: str) -> None:
    """Raise where an utterance id occurs twice."""
    twice = ids[ids.duplicated()].unique()
    if len(twice):
        raise TableError(f"{where}: {len(twice)} utterance ids occur twice ({_three(twice)}); keep one row each")


def _refuse_different_ids(before: pd.Index, after: pd.Index) -> None:
    """Raise where the two sides do not hold the same ids."""
    only_before, only_after = before.difference(after), after.difference(before)
    if len(only_before) or len(only_after):
        differ = only_before.append(only_after)
        raise TableError(
            f"{len(differ)} utterance ids differ: {len(only_before)} only before, {len(only_after)} only after "
            f"({_three(differ)}); a paired comparison needs both systems on the same utterances"
        )


def _three(ids: Iterable[object]) -> str:
    """The first three, in order."""
    listed = [str(name) for name in ids]
    return ", ".join(listed[:3]) + (", ..." if len(listed) > 3 else "")
