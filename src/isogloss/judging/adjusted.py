"""Cohorts against all other speakers, within strata or adjusted for measurements.

Poisson regression of errors on the cohort and the other columns, with any dependence within a speaker
(`statistics.regression`, after Liu, Veliche & Peng 2021). With strata as categories, all strata share one ratio, and a
cohort is compared with others of its own stratum.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging.cohort_figures import AdjustedRatio
from isogloss.judging.statistics.multiple import holm
from isogloss.judging.statistics.regression import poisson_effects
from isogloss.judging.word_errors import error_counts


def adjusted_ratios(
    table: pd.DataFrame,
    cohorts: pd.Series,
    covariates: Mapping[str, pd.Series],
    judged: Collection[str],
    statistics: StatisticsParams,
) -> dict[str, AdjustedRatio | None]:
    """For each cohort the ratio of its error rate to that of all others with the same values of the covariates.

    Parameters
    ----------
    table
        Word errors, a row an utterance or a sum of several.
    cohorts
        Cohort of each row, by position; rows without one are left out.
    covariates
        The values of each row by the name of the column: text as categories, numbers on a linear scale.
    judged
        The cohorts that have enough speakers for inference.

    Returns
    -------
    None for a cohort whose ratio cannot be estimated: it has no errors, or the covariates determine it.

    Raises
    ------
    TableError
        A number is missing.
    """
    for name, values in covariates.items():
        if values.isna().any():
            empty = int(values.isna().sum())
            raise TableError(f"--adjust {name}: the column is empty in {empty} of {len(values)} rows; fill it")
    rows = pd.DataFrame({"speaker_id": table["speaker_id"].astype(str), "words": table["words"]})
    rows = rows.assign(substitutions=error_counts(table), deletions=0, insertions=0, weight=table.get("weight", 1.0))
    rows = rows.assign(**{f"_{number}": values.to_numpy() for number, values in enumerate(covariates.values())})
    rows = rows[cohorts.notna().to_numpy()]
    inside = {name: (cohorts.dropna() == name).to_numpy() for name in sorted(judged)}
    names = [f"_{number}" for number in range(len(covariates))]
    found = {name: _ratio(rows, inside_N, names, statistics) for name, inside_N in inside.items()}
    adjusted = holm([None if one is None else one.p for one in found.values()])
    return {
        name: None if one is None else one.model_copy(update={"p_holm": p})
        for (name, one), p in zip(found.items(), adjusted, strict=True)
    }


def _ratio(
    rows: pd.DataFrame, inside_N: np.ndarray, covariates: Sequence[str], statistics: StatisticsParams
) -> AdjustedRatio | None:
    """One cohort against all others."""
    table = rows.assign(_inside=np.where(inside_N, "inside", "outside"))
    strata = [name for name in covariates if not pd.api.types.is_numeric_dtype(rows[name])]
    design = pd.get_dummies(table[["_inside", *strata]].drop_duplicates(), drop_first=True)
    if np.linalg.matrix_rank(np.column_stack([np.ones(len(design)), design.to_numpy(np.float64)])) <= design.shape[1]:
        return None  # The cohort is a union of strata, so no speaker outside it is comparable.
    try:
        with np.errstate(all="ignore"):
            (effect,) = poisson_effects(
                table,
                cohort="_inside",
                reference="outside",
                covariates=covariates,
                confidence=statistics.confidence,
            )
    except (TableError, np.linalg.LinAlgError):
        return None
    if not np.isfinite([effect.ratio, effect.low, effect.high, effect.p]).all():
        return None
    return AdjustedRatio(ratio=effect.ratio, ci95=(effect.low, effect.high), p=effect.p)
