"""The effect of cohorts on the error rate by Poisson regression (Liu, Veliche & Peng 2021).

log E[errors] = log(words) + intercept + cohort effect + covariates. exp(effect) is a ratio of error rates, adjusted for
the covariates (signal-to-noise ratio, utterance length ...), so that the effect of, say, microphones is not attributed
to the cohort. The paper gives each speaker a random intercept; we use generalised estimating equations (Liang & Zeger
1986) with speakers as clusters and independence as working correlation: errors of one speaker may depend on each other
in any way, and the variance need not be Poisson's. The covariance is the bias-reduced one of Mancl & DeRouen (2001),
since the plain sandwich is too small for few clusters; tests and intervals use t with (speakers - coefficients) degrees
of freedom. statsmodels has the same (the tests compare), at 65 MB for these few lines.

Shapes: N rows, S speakers, P coefficients.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.judging.statistics.estimands import exponential
from isogloss.judging.word_errors import ERROR_COLUMNS, error_counts, row_weights
from isogloss.tables import require_columns

Array = NDArray[np.float64]

MOST_STEPS = 50
"""Largest number of steps of Newton's method, which takes 5 to 10."""

ROUNDING = 1e-9
"""A standard error below this, on the logarithm, is rounding: all speakers have the same ratio."""


@dataclass(frozen=True)
class RateRatio:
    """The error rate of a cohort over that of the reference cohort, with equal covariates, and its bounds."""

    cohort: str
    ratio: float
    low: float
    high: float
    p: float
    """Two-sided; NaN where all speakers have the same ratio, so that it has no standard error."""


def poisson_effects(
    table: pd.DataFrame,
    *,
    cohort: str,
    reference: str | None = None,
    covariates: Sequence[str] = (),
    confidence: float = 0.95,
) -> list[RateRatio]:
    """Ratios of the error rates of all cohorts to that of a reference cohort.

    Without covariates they are exactly the ratios of the weighted error rates.

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
    confidence
        Level of the intervals.

    Raises
    ------
    TableError
        A column is missing or has missing values, there is a single cohort, no error at all in a cohort, fewer
        speakers than coefficients, or a coefficient that one speaker alone decides.
    """
    rows = _rows(table, cohort, covariates)
    return effects_of_rows(rows, cohort=cohort, reference=reference, covariates=covariates, confidence=confidence)


def effects_of_rows(
    rows: pd.DataFrame,
    *,
    cohort: str,
    reference: str | None = None,
    covariates: Sequence[str] = (),
    confidence: float = 0.95,
) -> list[RateRatio]:
    """As `poisson_effects`, from summed rows: `speaker_id`, the cohort, weighted `_errors` and positive `_words`.

    The rows of a speaker must be adjacent.
    """
    from scipy import stats  # slow to import

    reference = _reference(rows, cohort, reference)
    design, cohorts = _design(rows, cohort, reference, covariates)
    effects, errors, freedom = _fit(rows, design)
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom))
    return [
        RateRatio(
            name,
            exponential(effect),
            exponential(effect - reach * error),
            exponential(effect + reach * error),
            float(2 * stats.t.sf(abs(effect) / error, freedom)) if error > ROUNDING else float("nan"),
        )
        for name, effect, error in zip(cohorts, effects[1:], errors[1:], strict=False)
    ]


def _fit(rows: pd.DataFrame, design_NP: Array) -> tuple[Array, Array, int]:
    """Coefficients, their standard errors and the degrees of freedom of the generalised estimating equations."""
    codes_N, speakers = pd.factorize(rows["speaker_id"])
    if len(speakers) <= design_NP.shape[1]:
        raise TableError(f"{len(speakers)} speakers cannot carry {design_NP.shape[1]} coefficients; use fewer cohorts")
    errors_N, words_N = rows["_errors"].to_numpy(np.float64), rows["_words"].to_numpy(np.float64)
    effects_P, expected_N = _newton(errors_N, words_N, design_NP)
    score_SP = _summed((errors_N - expected_N)[:, None] * design_NP, codes_N, len(speakers))
    products_NPP = design_NP[:, :, None] * design_NP[:, None, :]
    information_SPP = _summed(expected_N[:, None, None] * products_NPP, codes_N, len(speakers))
    deviations_SP = _without_each(information_SPP, score_SP, speakers)
    return effects_P, np.sqrt((deviations_SP**2).sum(axis=0)), len(speakers) - design_NP.shape[1]


def _newton(errors_N: Array, words_N: Array, design_NP: Array) -> tuple[Array, Array]:
    """The coefficients that maximise Poisson's likelihood, and the errors that they expect of each row."""
    effects_P = np.zeros(design_NP.shape[1])
    effects_P[0] = np.log(errors_N.sum() / words_N.sum())
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(MOST_STEPS):
            expected_N = words_N * np.exp(design_NP @ effects_P)
            information_PP = (design_NP * expected_N[:, None]).T @ design_NP
            if not np.isfinite(information_PP).all() or np.linalg.matrix_rank(information_PP) < len(information_PP):
                break
            step_P = np.linalg.solve(information_PP, design_NP.T @ (errors_N - expected_N))
            effects_P = effects_P + step_P
            if np.abs(step_P).max() < 1e-10:
                return effects_P, words_N * np.exp(design_NP @ effects_P)
    raise TableError(
        "the regression has no solution: a covariate is constant, repeats another one, or has a value without any "
        "error; leave it out"
    )


def _without_each(information_SPP: Array, score_SP: Array, speakers: pd.Index) -> Array:
    """The contribution of each speaker to the deviation of the coefficients, (S, P).

    Mancl & DeRouen take X_i' (I - H_ii)^-1 r_i for a speaker's score, H_ii being the leverage of their rows. Since
    A^-1 X' (I - M X A^-1 X')^-1 = (A - X' M X)^-1 X' for the information A, this is the score over the information of
    all other speakers.
    """
    whole_PP = information_SPP.sum(axis=0)
    inverse_PP = np.linalg.inv(np.linalg.cholesky(whole_PP))
    share_SPP = inverse_PP @ information_SPP @ inverse_PP.T
    alone = np.flatnonzero(np.linalg.eigvalsh(share_SPP)[:, -1] > 1 - 1e-9)
    if alone.size:
        raise TableError(
            f"one speaker ({speakers[alone[0]]}) alone decides a coefficient of the regression; merge the cohort or "
            "the covariate's value with another"
        )
    rest_SPP = whole_PP - information_SPP
    return np.linalg.solve(rest_SPP, score_SP[:, :, None])[:, :, 0]


def _summed(rows_N: Array, codes_N: NDArray[np.intp], speakers: int) -> Array:
    """Sums over the rows of each speaker."""
    result = np.zeros((speakers, *rows_N.shape[1:]))
    np.add.at(result, codes_N, rows_N)
    return result


def _rows(table: pd.DataFrame, cohort: str, covariates: Sequence[str]) -> pd.DataFrame:
    """Weighted errors and words, summed over the utterances that the regression cannot tell apart."""
    keys = ["speaker_id", cohort, *covariates]
    require_columns(table, [*keys, "words", *ERROR_COLUMNS], where="the table of word errors")
    for column in keys:
        if table[column].isna().any():
            row = int(np.flatnonzero(table[column].isna())[0])
            raise TableError(f"row {row}: {column!r} is missing; fill it, for instance with 'unspecified'")
    weight = row_weights(table)
    rows = table[keys].assign(_errors=weight * error_counts(table), _words=weight * table["words"].to_numpy())
    rows = rows.groupby(keys, sort=True, observed=True, as_index=False)[["_errors", "_words"]].sum()
    return rows[rows["_words"] > 0].sort_values("speaker_id", kind="stable")


def _reference(rows: pd.DataFrame, cohort: str, reference: str | None) -> str:
    """The reference cohort; raises if the cohorts cannot be compared."""
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
