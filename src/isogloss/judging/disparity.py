"""Whom one system fails: each cohort against all other speakers, with intervals and tests.

The complement of `fairness`, which compares two systems within a cohort. The same honesty holds: cohorts that were
found on some rows are to be tested on others.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging.figures import estimate
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.multiple import holm
from isogloss.judging.statistics.permutation import exchange_cohorts, sign_flip
from isogloss.judging.statistics.power import detectable_ratio
from isogloss.judging.statistics.regression import poisson_effects
from isogloss.judging.word_errors import ERROR_COLUMNS, error_counts, row_weights
from isogloss.tables import require_columns


@dataclass(frozen=True)
class Disparity:
    """A cohort against the rest; None for what its speakers do not allow to be said."""

    cohort: str
    speakers: int
    utterances: int
    words: int
    rate: float | None
    """Error rate of the cohort."""
    rate_interval: list[float] | None
    ratio: float | None
    """Error rate of the cohort over that of all other speakers."""
    ratio_interval: list[float] | None
    p: float | None
    """Of "the cohort and the rest have the same error rate", two-sided."""
    p_holm: float | None
    """Adjusted over the cohorts of the table."""
    detectable_ratio: float | None
    """The least ratio above 1 that these speakers would have shown, with power 0.8."""

    def worse(self, *, confidence: float) -> bool:
        """Whether the cohort is significantly worse than the rest."""
        judged = self.rate is not None and self.p_holm is not None and self.p_holm <= 1 - confidence
        return judged and (self.ratio is None or self.ratio > 1)


def disparities(table: pd.DataFrame, *, cohort: str, statistics: StatisticsParams) -> list[Disparity]:
    """Compare each cohort with all other speakers, the highest error rate first.

    Where every speaker belongs to one cohort, groups are drawn separately and p is a permutation of membership
    (`exchange_cohorts`). Where speakers have utterances in several cohorts (devices, noise levels), they are drawn with
    all of them, and p is that of the Poisson regression with speaker dependence (`poisson_effects`), or of a sign flip
    over speakers where one side has no error, which no regression fits.

    Parameters
    ----------
    table
        speaker_id, words, substitutions, deletions, insertions, the column `cohort`, and optionally weight.
    cohort
        Name of the column of cohorts; merge small ones before (`privacy`).
    statistics
        Confidence, draws and seed; a cohort with fewer than `min_speakers` speakers or without reference words, or
        with such a rest, has neither intervals nor p value.

    Raises
    ------
    TableError
        A column is missing, a cohort or speaker is missing in a row, or there is a single cohort.
    """
    sums = _sums(table, cohort)
    names = sorted(sums["cohort"].unique())
    if len(names) < 2:
        raise TableError(f"column {cohort!r} holds a single cohort; a comparison needs two")
    shared = bool(sums["speaker"].duplicated().any())
    found = [_disparity(table, sums, cohort, name, shared, statistics) for name in names]
    if not shared:
        found = _permuted(sums, found, statistics)
    adjusted = holm([one.p for one in found])
    result = [replace(one, p_holm=p) for one, p in zip(found, adjusted, strict=True)]
    return sorted(result, key=lambda one: (-np.inf if one.rate is None else one.rate, one.cohort), reverse=True)


def _sums(table: pd.DataFrame, cohort: str) -> pd.DataFrame:
    """Totals of each speaker in each cohort."""
    require_columns(table, ["speaker_id", cohort, "words", *ERROR_COLUMNS], where="the table of word errors")
    for column in ("speaker_id", cohort):
        if table[column].isna().any():
            row = int(np.flatnonzero(table[column].isna())[0])
            raise TableError(f"row {row}: {column!r} is missing; fill it, for instance with 'unspecified'")
    weight = row_weights(table)
    rows = pd.DataFrame(
        {
            "cohort": table[cohort].astype(str).to_numpy(),
            "speaker": table["speaker_id"].astype(str).to_numpy(),
            "utterances": 1,
            "words": table["words"].to_numpy(),
            "errors_weighted": weight * error_counts(table),
            "words_weighted": weight * table["words"].to_numpy(np.float64),
        }
    )
    return rows.groupby(["cohort", "speaker"], sort=True, as_index=False).sum()


def _disparity(
    table: pd.DataFrame, sums: pd.DataFrame, cohort: str, name: str, shared: bool, statistics: StatisticsParams
) -> Disparity:
    """One cohort against the rest, before adjustment."""
    inside = sums["cohort"] == name
    groups = [_totals(sums[inside], shared=False), _totals(sums[~inside], shared=shared)]
    rates = [part[:, 0].sum() / part[:, 1].sum() if part[:, 1].sum() > 0 else np.nan for part in groups]
    known = np.isfinite(rates[0])
    ratio = rates[0] / rates[1] if known and rates[1] > 0 else None
    rate_interval = ratio_interval = p = detectable = None
    if all(len(part) >= statistics.min_speakers and part[:, 1].sum() > 0 for part in groups):
        rate_interval = estimate(groups[:1], [of.rate()], statistics)[0].interval
        drawn: Any = _joint(sums, inside) if shared else groups
        ratio_interval = estimate(drawn, [of.ratio_of_groups()], statistics)[0].interval
        if not shared:
            (n, d), (m, e) = groups[0].T, groups[1].T
            detectable = detectable_ratio((n, d), (m, e), confidence=statistics.confidence)
        else:
            p = _paired(table, (table[cohort].astype(str) == name).to_numpy(), drawn, statistics)
    return Disparity(
        cohort=name,
        speakers=len(groups[0]),
        utterances=int(sums.loc[inside, "utterances"].sum()),
        words=int(sums.loc[inside, "words"].sum()),
        rate=float(rates[0]) if known else None,
        rate_interval=rate_interval,
        ratio=None if ratio is None else float(ratio),
        ratio_interval=ratio_interval,
        p=p,
        p_holm=None,
        detectable_ratio=detectable,
    )


def _paired(
    table: pd.DataFrame, inside_N: NDArray[np.bool_], joint_S22: NDArray[np.float64], statistics: StatisticsParams
) -> float:
    """p value of a cohort whose speakers are in others too.

    A side without any error has no logarithm of a rate, hence no regression: then inside and outside are swapped within
    speakers.
    """
    counted_N = (row_weights(table) * error_counts(table) > 0) & (table["words"] > 0).to_numpy()
    if counted_N[inside_N].any() and counted_N[~inside_N].any():
        binary = table.assign(_inside=np.where(inside_N, "inside", "outside"))
        return poisson_effects(binary, cohort="_inside", reference="outside")[0].p
    (errors, words), (errors_outside, words_outside) = joint_S22.transpose(1, 2, 0)
    return sign_flip(
        errors,
        errors_outside,
        words,
        denominator_after=words_outside,
        permutations=statistics.permutations,
        seed=statistics.seed,
    )


def _permuted(sums: pd.DataFrame, found: list[Disparity], statistics: StatisticsParams) -> list[Disparity]:
    """The same with p values of exchanged membership, for cohorts with inference."""
    codes, _ = pd.factorize(sums["cohort"], sort=True)
    sizes, words = np.bincount(codes), np.bincount(codes, sums["words_weighted"])
    able = np.minimum(sizes, len(codes) - sizes) >= statistics.min_speakers
    able &= (words > 0) & (words.sum() - words > 0)
    if not able.any():
        return found
    # Cohorts without inference count as rest, under one number more.
    numbers = np.where(able, np.cumsum(able) - 1, able.sum())
    p_values = exchange_cohorts(
        _totals(sums, shared=False), numbers[codes], permutations=statistics.permutations, seed=statistics.seed
    )
    return [
        replace(one, p=p_values[number]) if judged else one
        for one, number, judged in zip(found, numbers, able, strict=True)
    ]


def _totals(sums: pd.DataFrame, *, shared: bool) -> NDArray[np.float64]:
    """Weighted errors and words of each speaker, (S, 2); `shared` if a speaker may have several rows."""
    columns = ["errors_weighted", "words_weighted"]
    return (sums.groupby("speaker", sort=True)[columns].sum() if shared else sums[columns]).to_numpy(np.float64)


def _joint(sums: pd.DataFrame, inside: pd.Series) -> NDArray[np.float64]:
    """Weighted errors and words of each speaker inside and outside the cohort, (S, 2, 2)."""
    codes, speakers = pd.factorize(sums["speaker"], sort=True)
    totals = np.zeros((len(speakers), 2, 2))
    np.add.at(totals, (codes, np.where(inside, 0, 1)), sums[["errors_weighted", "words_weighted"]].to_numpy(np.float64))
    return totals
