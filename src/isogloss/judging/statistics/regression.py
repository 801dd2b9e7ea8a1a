"""The effect of cohorts on the error rate by Poisson regression (Liu, Veliche & Peng 2021).

log E[errors] = log(words) + intercept + cohort effect + covariates. exp(effect) is a ratio of error rates,
adjusted for the covariates (signal-to-noise ratio, utterance length ...), so that a cohort is not blamed for
its microphones. The paper gives each speaker a random intercept; statsmodels has no frequentist Poisson
regression with one, so we use generalised estimating equations (Liang & Zeger 1986) with speakers as
clusters: errors of one speaker may depend on each other in any way, and Poisson's own variance is not relied
upon. Under 1,000 speakers the covariance is the bias-reduced one of Mancl & DeRouen (2001), since the plain
sandwich is too small for few clusters; tests and intervals use t with (speakers - coefficients) degrees of
freedom.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.judging.word_errors import ERROR_COLUMNS, error_counts, row_weights
from isogloss.tables import require_columns

Array = NDArray[np.float64]

FEW_SPEAKERS = 1000
"""Below this the covariance is bias-reduced; above, both agree and the plain one is faster."""


@dataclass(frozen=True)
class RateRatio:
    """The error rate of a cohort over that of the reference cohort, all else equal."""

    cohort: str
    ratio: float
    low: float
    high: float
    p: float


def poisson_effects(
    table: pd.DataFrame,
    *,
    cohort: str,
    reference: str | None = None,
    covariates: Sequence[str] = (),
    dependence: Literal["independence", "exchangeable"] = "independence",
    confidence: float = 0.95,
) -> list[RateRatio]:
    """Ratios of the error rates of all cohorts to that of a reference cohort.

    Parameters
    ----------
    table
        speaker_id, words, substitutions, deletions, insertions, optionally weight, and the columns named
        below. Utterances without reference words have no rate and are left out.
    cohort
        Column of cohorts.
    reference
        The cohort that the others are compared with; by default the one with the most speakers.
    covariates
        Further columns: numbers enter linearly, all else as categories. Missing values are refused.
    dependence
        Working correlation of a speaker's rows. "independence" reproduces the ratio of weighted error rates
        exactly when there are no covariates; "exchangeable" weighs speakers of many utterances less. Both are
        consistent and both have errors that allow for dependence.
    confidence
        Level of the intervals.

    Raises
    ------
    TableError
        A column is missing or has missing values, there is a single cohort, no error at all in a cohort, or
        fewer speakers than coefficients.
    """
    rows = _rows(table, cohort, covariates, collapse=dependence == "independence")
    return effects_of_rows(
        rows, cohort=cohort, reference=reference, covariates=covariates, dependence=dependence, confidence=confidence
    )


def effects_of_rows(
    rows: pd.DataFrame,
    *,
    cohort: str,
    reference: str | None = None,
    covariates: Sequence[str] = (),
    dependence: Literal["independence", "exchangeable"] = "independence",
    confidence: float = 0.95,
) -> list[RateRatio]:
    """The same of rows that are summed already: `speaker_id`, the cohort, weighted `_errors` and `_words`, of which
    there are some in every row; the rows of a speaker stand together."""
    from scipy import stats  # slow to import

    reference = _reference(rows, cohort, reference)
    design, cohorts = _design(rows, cohort, reference, covariates)
    effects, errors, freedom = _fit(rows, design, dependence)
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom))
    return [
        RateRatio(
            name,
            float(np.exp(effect)),
            float(np.exp(effect - reach * error)),
            float(np.exp(effect + reach * error)),
            float(2 * stats.t.sf(abs(effect / error), freedom)),
        )
        for name, effect, error in zip(cohorts, effects[1:], errors[1:], strict=False)
    ]


def _fit(rows: pd.DataFrame, design: Array, dependence: str) -> tuple[Array, Array, int]:
    """Coefficients, their standard errors and the degrees of freedom of the generalised estimating equations."""
    from statsmodels.genmod.cov_struct import Exchangeable, Independence  # slow to import
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_estimating_equations import GEE

    speakers = rows["speaker_id"].nunique()
    if speakers <= design.shape[1]:
        raise TableError(f"{speakers} speakers cannot carry {design.shape[1]} coefficients; use fewer cohorts")
    model = GEE(
        rows["_errors"].to_numpy(),
        design,
        groups=rows["speaker_id"].to_numpy(),
        family=Poisson(),
        cov_struct=Exchangeable() if dependence == "exchangeable" else Independence(),
        offset=np.log(rows["_words"].to_numpy()),
    )
    fit: Any = model.fit(cov_type="bias_reduced" if speakers < FEW_SPEAKERS else "robust")
    return fit.params, fit.bse, speakers - design.shape[1]


def _rows(table: pd.DataFrame, cohort: str, covariates: Sequence[str], *, collapse: bool) -> pd.DataFrame:
    """Weighted errors and words, summed over the utterances that the regression cannot tell apart."""
    keys = ["speaker_id", cohort, *covariates]
    require_columns(table, [*keys, "words", *ERROR_COLUMNS], where="the table of word errors")
    for column in keys:
        if table[column].isna().any():
            row = int(np.flatnonzero(table[column].isna())[0])
            raise TableError(f"row {row}: {column!r} is missing; fill it, for instance with 'unspecified'")
    weight = row_weights(table)
    rows = table[keys].assign(_errors=weight * error_counts(table), _words=weight * table["words"].to_numpy())
    if collapse:
        rows = rows.groupby(keys, sort=True, observed=True, as_index=False)[["_errors", "_words"]].sum()
    return rows[rows["_words"] > 0].sort_values("speaker_id", kind="stable")


def _reference(rows: pd.DataFrame, cohort: str, reference: str | None) -> str:
    """The reference cohort, after a look at whether the cohorts can be compared."""
    errors = rows.groupby(cohort, observed=True)["_errors"].sum()
    if len(errors) < 2:
        raise TableError(f"column {cohort!r} holds a single cohort; a comparison needs two")
    if (errors == 0).any():
        raise TableError(f"cohort {errors.index[errors == 0][0]!r} has no error; its effect has no finite estimate")
    if reference is None:
        return str(rows.groupby(cohort, observed=True)["speaker_id"].nunique().idxmax())
    if reference not in errors.index:
        raise TableError(
            f"reference {reference!r} is no value of {cohort!r}; it has {', '.join(map(str, errors.index))}"
        )
    return reference


def _design(rows: pd.DataFrame, cohort: str, reference: str, covariates: Sequence[str]) -> tuple[Array, list[str]]:
    """Columns intercept, one a cohort but the reference, covariates; and the names of these cohorts."""
    cohorts = sorted(name for name in rows[cohort].astype(str).unique() if name != reference)
    columns = [
        np.ones(len(rows)),
        *((rows[cohort].astype(str) == name).to_numpy(np.float64) for name in cohorts),
    ]
    for covariate in covariates:
        if pd.api.types.is_numeric_dtype(rows[covariate]) and not pd.api.types.is_bool_dtype(rows[covariate]):
            values = rows[covariate].to_numpy(np.float64)
            columns.append(values - values.mean())
        else:
            categories = sorted(rows[covariate].astype(str).unique())[1:]
            columns += [(rows[covariate].astype(str) == name).to_numpy(np.float64) for name in categories]
    return np.stack(columns, axis=1), cohorts
