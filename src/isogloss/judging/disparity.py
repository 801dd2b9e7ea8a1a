"""The cohorts that one system fails: each against all other speakers, with intervals and tests.

This complements the comparison of two systems within a cohort. Here too, cohorts that were found on some speakers must
be tested on others.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging.pairing import pair_utterances, sums_by_cohort
from isogloss.judging.rates import estimate, is_borne, speakers_by_words
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.effective import effective_speakers
from isogloss.judging.statistics.multiple import holm
from isogloss.judging.statistics.permutation import exchange_cohorts, sign_flip
from isogloss.judging.statistics.power import detectable_ratio
from isogloss.judging.statistics.regression import effects_of_rows
from isogloss.judging.word_errors import ERROR_COLUMNS
from isogloss.tables import require_columns


@dataclass(frozen=True)
class Disparity:
    """A cohort against all other speakers (the rest); a field is None where there are too few speakers for it."""

    cohort: str
    speakers: int
    utterances: int
    words: int
    rate: float | None
    """Error rate of the cohort, a fraction; None if it has no reference words."""
    ratio: float | None
    """Error rate of the cohort over that of the rest; None if the rest has no errors or words."""
    ratio_interval: list[float] | None
    """Lower and upper bound of `ratio`, at `StatisticsParams.confidence`."""
    p: float | None
    """Two-sided p value of "the cohort and the rest have the same error rate"."""
    p_holm: float | None
    """`p` after Holm's adjustment over the cohorts of the table; None before it."""
    detectable_ratio: float | None
    """The smallest ratio above 1 that a test on these speakers would detect with power 0.8; None too if speakers belong
    to several cohorts."""
    borne: bool = True
    """Whether enough speakers decide on the ratio for an interval and a test to hold their level (`rates.is_borne`)."""
    difference: float | None = None
    """Error rate of the cohort minus that of the rest, a fraction."""
    difference_interval: list[float] | None = None
    """Lower and upper bound of `difference`."""

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
    return disparities_of_sums(_sums(table, cohort), cohort=cohort, statistics=statistics)


def disparities_of_sums(sums: pd.DataFrame, *, cohort: str, statistics: StatisticsParams) -> list[Disparity]:
    """As `disparities`, from totals: cohort, speaker, utterances, words, errors_before, words_before."""
    names = sorted(sums["cohort"].unique())
    if len(names) < 2:
        raise TableError(f"column {cohort!r} holds a single cohort; a comparison needs two")
    shared = bool(sums["speaker"].duplicated().any())
    found = [_disparity(sums, name, shared, statistics) for name in names]
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
    rows = table.assign(utterance_id=np.arange(len(table)), speaker_id=table["speaker_id"].astype(str))
    return sums_by_cohort(pair_utterances(rows), table[cohort].astype(str))


def _disparity(sums: pd.DataFrame, name: str, shared: bool, statistics: StatisticsParams) -> Disparity:
    """One cohort against the rest, before adjustment."""
    inside = sums["cohort"] == name
    groups = [_totals(sums[inside], shared=False), _totals(sums[~inside], shared=shared)]
    rates = [part[:, 0].sum() / part[:, 1].sum() if part[:, 1].sum() > 0 else np.nan for part in groups]
    known = np.isfinite(rates[0])
    ratio = rates[0] / rates[1] if known and rates[1] > 0 else None
    ratio_interval = difference_interval = p = detectable = None
    borne = True
    effective = min(effective_speakers(weight) for weight in _weights(sums, inside, shared=shared))
    if effective >= statistics.min_speakers and all(part[:, 1].sum() > 0 for part in groups):
        drawn: Any = _joint(sums, inside) if shared else groups
        of_ratio, of_difference = estimate(drawn, [of.ratio_of_groups(), of.difference_of_groups()], statistics)
        ratio_interval, difference_interval = of_ratio.interval, of_difference.interval
        borne = of_ratio.rests_on is None or is_borne(of_ratio.rests_on, statistics)
        if not shared:
            (n, d), (m, e) = groups[0].T, groups[1].T
            if is_borne(speakers_by_words(groups, [0, 1]), statistics):
                detectable = detectable_ratio((n, d), (m, e), effective=effective, confidence=statistics.confidence)
        elif borne:
            p = _paired(sums, inside.to_numpy(), drawn, statistics)
    return Disparity(
        cohort=name,
        speakers=len(groups[0]),
        utterances=int(sums.loc[inside, "utterances"].sum()),
        words=int(sums.loc[inside, "words"].sum()),
        rate=float(rates[0]) if known else None,
        ratio=None if ratio is None else float(ratio),
        ratio_interval=ratio_interval,
        p=p,
        p_holm=None,
        detectable_ratio=detectable,
        borne=borne,
        difference=float(rates[0] - rates[1]) if known and np.isfinite(rates[1]) else None,
        difference_interval=difference_interval,
    )


def _paired(
    sums: pd.DataFrame, inside_N: NDArray[np.bool_], joint_S22: NDArray[np.float64], statistics: StatisticsParams
) -> float:
    """p value of a cohort whose speakers are also in other cohorts.

    The regression gives none if the cohort or the rest has no error, if too few speakers decide, or if all speakers
    have the same ratio, which then has no standard error. Then inside and outside are swapped within speakers.
    """
    rows = sums[sums["words_before"] > 0]
    counted_N, inside_N = (rows["errors_before"] > 0).to_numpy(), inside_N[(sums["words_before"] > 0).to_numpy()]
    if counted_N[inside_N].any() and counted_N[~inside_N].any():
        keys = {"speaker_id": rows["speaker"], "_inside": np.where(inside_N, "inside", "outside")}
        values = {"_errors": rows["errors_before"], "_words": rows["words_before"]}
        binary = pd.DataFrame({**keys, **values}).groupby(list(keys), sort=True, as_index=False).sum()
        with suppress(TableError):
            p = effects_of_rows(binary, cohort="_inside", reference="outside")[0].p
            if np.isfinite(p):
                return p
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
    """The disparities with p values from permuted membership, for cohorts with inference."""
    codes, _ = pd.factorize(sums["cohort"], sort=True)
    words = np.bincount(codes, sums["words_before"])
    sides = [_weights(sums, pd.Series(codes == code, index=sums.index), shared=False) for code in range(len(words))]
    able = np.array([min(map(effective_speakers, side)) >= statistics.min_speakers for side in sides])
    able &= (words > 0) & (words.sum() - words > 0)
    if not able.any():
        return found
    # Cohorts without inference are part of the rest; together they get one more number.
    numbers = np.where(able, np.cumsum(able) - 1, able.sum())
    p_values = exchange_cohorts(
        _totals(sums, shared=False), numbers[codes], permutations=statistics.permutations, seed=statistics.seed
    )
    return [
        replace(one, p=p_values[number]) if judged and one.borne else one
        for one, number, judged in zip(found, numbers, able, strict=True)
    ]


def _totals(sums: pd.DataFrame, *, shared: bool) -> NDArray[np.float64]:
    """Weighted errors and words of each speaker, (S, 2); `shared` says that a speaker may have several rows."""
    columns = ["errors_before", "words_before"]
    return (sums.groupby("speaker", sort=True)[columns].sum() if shared else sums[columns]).to_numpy(np.float64)


def _weights(sums: pd.DataFrame, inside: pd.Series, *, shared: bool) -> list[NDArray[np.float64]]:
    """The weights of the speakers with words of a cohort, and of all others; `shared` if one may have several rows."""
    said = sums["words_before"] > 0
    rest = sums.loc[~inside & said]
    others = rest.groupby("speaker", sort=True)["weight"].mean() if shared else rest["weight"]
    return [part.to_numpy(np.float64) for part in (sums.loc[inside & said, "weight"], others)]


def _joint(sums: pd.DataFrame, inside: pd.Series) -> NDArray[np.float64]:
    """Weighted errors and words of each speaker inside and outside the cohort, (S, 2, 2)."""
    codes, speakers = pd.factorize(sums["speaker"], sort=True)
    totals = np.zeros((len(speakers), 2, 2))
    np.add.at(totals, (codes, np.where(inside, 0, 1)), sums[["errors_before", "words_before"]].to_numpy(np.float64))
    return totals
