"""Pairing of result tables, and their totals by speaker and cohort.

All estimates and tests are computed from sums by speaker and cohort, so that a million utterances are first reduced to
some ten thousand rows.

Shapes: S speakers, C cohorts, K totals of a speaker in a cohort (2 a system).
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.judging.word_errors import ERROR_COLUMNS, error_counts, row_weights
from isogloss.tables import require_columns

Totals = NDArray[np.float64]
SIDES: tuple[Literal["before"], Literal["after"]] = ("before", "after")
TOTALS = ["errors_before", "words_before", "errors_after", "words_after"]
"""Weighted totals, in the order in which `statistics.estimands` wants them."""
NEEDED = ["utterance_id", "speaker_id", "words"]


def pair_utterances(before: pd.DataFrame, after: pd.DataFrame | None = None, *, alike: bool = False) -> pd.DataFrame:
    """One row per utterance: utterance_id, speaker_id, words, utterances, weight, weighted `TOTALS` (one system: two).

    Rows are in the order of `before`, whose weights count; `alike` sets all of them to 1. A row may be the sum of
    several utterances, which a column `utterances` counts, and may have `errors` in place of their kinds.

    Raises
    ------
    TableError
        A column is missing, an id occurs twice, the two tables differ in their ids, speakers or reference words (how
        many, and three of them), or there is no row.
    """
    sides = [before] if after is None else [before, after]
    for name, table in zip(SIDES, sides, strict=False):
        counts = ["errors"] if "errors" in table.columns else ERROR_COLUMNS
        require_columns(table, [*NEEDED, *counts], where=f"the table {name}")
        refuse_duplicates(table["utterance_id"], f"the table {name}")
    if before.empty:
        raise TableError("the table before has no utterance; there is nothing to compare")
    if after is not None:
        sides[1] = _aligned(before, after)
    weight = np.ones(len(before)) if alike else row_weights(before)
    words = weight * before["words"].to_numpy(np.float64)
    pairs = {name: before[name].to_numpy() for name in ("utterance_id", "speaker_id")}
    pairs["words"], pairs["weight"] = before["words"].to_numpy(np.int64), weight
    pairs["utterances"] = np.asarray(before.get("utterances", 1) * np.ones(len(before), dtype=np.int64))
    for name, table in zip(SIDES, sides, strict=False):
        pairs[f"errors_{name}"], pairs[f"words_{name}"] = weight * error_counts(table), words
    return pd.DataFrame(pairs)


def _aligned(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """The rows of `after` in the order of `before`; raises where they are of other utterances."""
    ids = pd.Index(before["utterance_id"])
    if not ids.equals(pd.Index(after["utterance_id"])):
        _refuse_different_ids(ids, pd.Index(after["utterance_id"]))
        after = after.iloc[pd.Index(after["utterance_id"]).get_indexer(ids)]
    for column, what in (("speaker_id", "speaker"), ("words", "number of reference words")):
        differ = ids[before[column].to_numpy() != after[column].to_numpy()]
        if len(differ):
            raise TableError(
                f"{len(differ)} utterances have another {what} before than after ({_three(differ)}); "
                "both tables must come from the same references"
            )
    return after


def sums_by_cohort(pairs: pd.DataFrame, cohorts: pd.Series) -> pd.DataFrame:
    """One row per cohort and speaker, sorted: cohort, speaker, utterances, words, weight, and the weighted `TOTALS`.

    The weight of a speaker is the mean weight of their utterances.

    Parameters
    ----------
    pairs
        Result of `pair_utterances`.
    cohorts
        Of each row, by position; rows without one are left out.
    """
    known = cohorts.notna().to_numpy()
    rows = pairs if known.all() else pairs[known]
    cohort_N, names = pd.factorize(cohorts[known].to_numpy(), sort=True)
    speaker_N, speakers = pd.factorize(rows["speaker_id"].to_numpy(), sort=True)
    # Grouping sorted numbers takes a twentieth of the time of strings. Sorting also makes a speaker's sum depend on
    # their own rows only, to the last bit, since pandas sums unsorted rows in another order.
    key_N = cohort_N * len(speakers) + speaker_N
    order_N = np.argsort(key_N, kind="stable")
    values = rows.drop(columns=["utterance_id", "speaker_id"]).assign(weight=rows["weight"] * rows["utterances"])
    sums = values.iloc[order_N].groupby(key_N[order_N], sort=False).sum()
    sums["weight"] /= sums["utterances"]
    keys = sums.index.to_numpy()
    sums.insert(0, "cohort", names.astype(str)[keys // len(speakers)])
    sums.insert(1, "speaker", speakers[keys % len(speakers)])
    return sums.reset_index(drop=True)


def totals_of(sums: pd.DataFrame) -> Totals:
    """`TOTALS` of the speakers of one cohort, (S, K), in the order of their ids."""
    columns = [sums[name].to_numpy(np.float64) for name in TOTALS if name in sums]
    return np.stack(columns).T  # Column-major order, since numpy's sums over rows differ in the last bit otherwise.


def totals_of_cohorts(sums: pd.DataFrame, cohorts: Sequence[str]) -> list[Totals] | Totals:
    """Totals of each of the cohorts, (S, K) each; in one array, (S, C, K), if a speaker is in several of them."""
    rows = sums[sums["cohort"].isin(cohorts)]
    if not rows["speaker"].duplicated().any():
        return [totals_of(rows[rows["cohort"] == name]) for name in cohorts]
    speakers, _ = pd.factorize(rows["speaker"], sort=True)
    columns = pd.Index(cohorts).get_indexer(pd.Index(rows["cohort"]))
    values = totals_of(rows)
    totals = np.zeros((speakers.max() + 1, len(cohorts), values.shape[1]))
    totals[speakers, columns] = values
    return totals


def cohorts_of(ids: pd.Series, assignments: pd.DataFrame, *, where: str = "the assignments") -> pd.Series:
    """The cohort of each utterance id, by position.

    Raises
    ------
    TableError
        An id occurs twice in the assignments, or an utterance has no cohort.
    """
    require_columns(assignments, ["utterance_id", "cohort"], where=where)
    refuse_duplicates(assignments["utterance_id"], where)
    cohorts = assignments.set_index("utterance_id")["cohort"].reindex(ids)
    missing = cohorts.index[cohorts.isna().to_numpy()]
    if len(missing):
        raise TableError(
            f"{len(missing)} of {len(ids)} utterances have no cohort in {where} ({_three(missing)}); run discover anew"
        )
    return pd.Series(cohorts.astype(str).to_numpy(dtype=object))


def refuse_duplicates(ids: pd.Series, where: str) -> None:
    """Raise where an utterance id occurs twice."""
    twice = ids[ids.duplicated()].unique()
    if len(twice):
        raise TableError(f"{where}: {len(twice)} utterance ids occur twice ({_three(twice)}); keep one row each")


def _refuse_different_ids(before: pd.Index, after: pd.Index) -> None:
    """Raise if the two tables do not hold the same ids."""
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
