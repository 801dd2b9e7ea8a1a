"""Errors of verification under many draws of speakers at once, and how much each speaker moves them.

Each draw gives speaker i the count c_i. A target trial of theirs then weighs c_i, a non-target trial of i and j c_i c_j
(see the package). A draw's error rate is read off its own ROC, exactly. Its standard error is the infinitesimal
jackknife: the sum over speakers of c_i (d error / d c_i)^2. Of that, misses are a ratio of sums over speakers and false
alarms a ratio of quadratic forms, c'Ac / c'Bc, with A the false alarms and B the trials of each pair of speakers. At
the crossing of both, d EER = (g d FAR + f d FRR) / (f + g), where f and g are how fast FAR rises and FRR falls there;
so the threshold's own uncertainty is in it. A and the rejected targets are those at the threshold of the observed
speakers, since a draw's own threshold would need new ones for each draw (our choice;
`benchmarks/verification_coverage.py` measures the coverage of these intervals).

Shapes: N trials, S speakers, R draws.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.judging.statistics.resampling import draw_counts
from isogloss.judging.verification.trials import ScoredTrials

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

SLOPE_REACH = 0.3
"""Reach of the chord whose slope stands for that of the ROC at the crossing of FAR and FRR: from the crossing to either
end of the chord, FAR - FRR changes by this share of FAR + FRR."""

MIN_REACH = 20
"""Fewest targets, and fewest non-targets, between the crossing and each end of the chord, if there are so many."""


@dataclass(frozen=True)
class Resampled:
    """An error in each draw, and its derivatives."""

    values_R: Floats
    """The error in each draw; NaN where a draw has no targets or no non-targets."""
    influence_RS: Floats
    """Derivative of the error with respect to each speaker's count."""


@dataclass(frozen=True)
class _Rates:
    """FAR and FRR of each draw at the points of the ROC, (R, K)."""

    far_RK: Floats
    frr_RK: Floats


class ResampledTrials:
    """Trials of one group and one verifier, sorted once, for any number of draws.

    Trials of one kind between two of the other form one straight piece of the ROC in every draw, so a point for each
    such run is enough for an exact curve.

    Parameters
    ----------
    trials
        At least one target and one non-target.
    thresholds
        Scores at which error rates will be asked for; the ROC then has a point there.

    Raises
    ------
    TableError
        There are no targets or no non-targets.
    """

    def __init__(self, trials: ScoredTrials, *, thresholds: Sequence[float] = ()) -> None:
        if trials.target_N.all() or not trials.target_N.any():
            raise TableError("there are no targets or no non-targets among the trials; an error rate needs both")
        order = np.argsort(-trials.score_N, kind="stable")
        score_N = trials.score_N[order]
        self._target_N = trials.target_N[order]
        self._enrol_N = trials.enrol_N[order].astype(np.intp)
        self._test_N = trials.test_N[order].astype(np.intp)
        self._weight_S = trials.weight_S
        self._ends = _run_ends(score_N, self._target_N, thresholds)
        self._score_K = np.append(np.inf, score_N[self._ends])
        run_N = np.searchsorted(self._ends, np.arange(len(score_N)))
        self._targets = _Runs(run_N[self._target_N], len(self._ends))
        self._nontargets = _Runs(run_N[~self._target_N], len(self._ends))
        self._owner_T = self._enrol_N[self._target_N]
        self._sides_F = self._enrol_N[~self._target_N], self._test_N[~self._target_N]
        self._last: tuple[Floats, _Rates] | None = None
        self._whole = self._rates(np.ones((1, len(trials.speakers))))

    def equal_error_rate(self) -> Callable[[Floats], Resampled]:
        """The EER, as a function of the counts (R, S)."""
        far_K, frr_K = self._whole.far_RK[0], self._whole.frr_RK[0]
        place = _nearest_crossing(far_K, frr_K)
        low, high = self._chord(place)
        sensitivity = self._sensitivity(place)

        def evaluate(counts_RS: Floats) -> Resampled:
            rates = self._rates(counts_RS)
            rise_R = rates.far_RK[:, high] - rates.far_RK[:, low]
            fall_R = rates.frr_RK[:, low] - rates.frr_RK[:, high]
            with np.errstate(invalid="ignore", divide="ignore"):
                share_R = np.where(rise_R + fall_R > 0, rise_R / (rise_R + fall_R), 0.5)
            influence_RS = sensitivity.influence(counts_RS, 1.0 - share_R, share_R)
            return Resampled(_crossing(rates), influence_RS)

        return evaluate

    def min_dcf(self, p_target: float) -> Callable[[Floats], Resampled]:
        """The least detection cost, as a function of the counts (R, S); each draw has its own threshold."""
        scale = min(p_target, 1.0 - p_target)
        miss, alarm = p_target / scale, (1.0 - p_target) / scale
        place = int(np.argmin(miss * self._whole.frr_RK[0] + alarm * self._whole.far_RK[0]))
        sensitivity = self._sensitivity(place)

        def evaluate(counts_RS: Floats) -> Resampled:
            rates = self._rates(counts_RS)
            ones_R = np.ones(len(counts_RS))
            influence_RS = sensitivity.influence(counts_RS, alarm * ones_R, miss * ones_R)
            return Resampled((miss * rates.frr_RK + alarm * rates.far_RK).min(axis=1), influence_RS)

        return evaluate

    def false_alarms_at(self, score: float) -> Callable[[Floats], Resampled]:
        """The share of non-targets accepted at a threshold that is fixed beforehand."""
        return self._at(score, alarm=1.0)

    def misses_at(self, score: float) -> Callable[[Floats], Resampled]:
        """The share of targets rejected at a threshold that is fixed beforehand."""
        return self._at(score, alarm=0.0)

    def _at(self, score: float, *, alarm: float) -> Callable[[Floats], Resampled]:
        """One of the two rates at a threshold."""
        place = int(np.searchsorted(-self._score_K, -score, side="right")) - 1
        sensitivity = self._sensitivity(place)

        def evaluate(counts_RS: Floats) -> Resampled:
            rates, ones_R = self._rates(counts_RS), np.ones(len(counts_RS))
            values_RK = rates.far_RK if alarm else rates.frr_RK
            influence_RS = sensitivity.influence(counts_RS, alarm * ones_R, (1.0 - alarm) * ones_R)
            return Resampled(values_RK[:, place], influence_RS)

        return evaluate

    def __len__(self) -> int:
        return len(self._target_N)

    def _rates(self, counts_RS: Floats) -> _Rates:
        """The ROC of each draw, cached for the next measure of the same draws."""
        if self._last is None or self._last[0] is not counts_RS:
            self._last = (counts_RS, self._roc(counts_RS))
        return self._last[1]

    def _roc(self, counts_RS: Floats) -> _Rates:
        """The ROC of each draw."""
        # Draws are along the rows, so that a speaker's weights in all draws are contiguous in memory.
        weight_SR = np.ascontiguousarray((counts_RS * self._weight_S).T)
        alarm_FR = weight_SR[self._sides_F[0]]
        alarm_FR *= weight_SR[self._sides_F[1]]
        hits_KR = self._targets.shares(weight_SR[self._owner_T])
        return _Rates(self._nontargets.shares(alarm_FR).T, 1.0 - hits_KR.T)

    def _chord(self, place: int) -> tuple[int, int]:
        """Two points of the ROC around the crossing."""
        far_K, frr_K = self._whole.far_RK[0], self._whole.frr_RK[0]
        targets, nontargets = self._target_N.sum(), (~self._target_N).sum()
        reach = max(SLOPE_REACH * (far_K[place] + frr_K[place]), MIN_REACH / targets + MIN_REACH / nontargets)
        lead_K = far_K - frr_K
        low = int(np.searchsorted(lead_K, lead_K[place] - reach, side="right")) - 1
        high = int(np.searchsorted(lead_K, lead_K[place] + reach))
        return max(low, 0), min(high, len(lead_K) - 1)

    def _sensitivity(self, place: int) -> "_Sensitivity":
        """How FAR and FRR at a point of the ROC of all speakers depend on them."""
        accepted = 0 if place == 0 else self._ends[place - 1] + 1
        return _Sensitivity(self._target_N, self._enrol_N, self._test_N, accepted, self._weight_S)


class _Sensitivity:
    """Derivatives of FAR and FRR with respect to the speakers' counts, where the first `accepted` trials are."""

    def __init__(self, target_N: Bools, enrol_N: Ints, test_N: Ints, accepted: int, weight_S: Floats) -> None:
        from scipy.sparse import csr_array  # slow to import

        speakers = len(weight_S)
        self._weight_S = weight_S
        self._targets_S = np.bincount(enrol_N[target_N], minlength=speakers)
        rejected = np.flatnonzero(target_N[accepted:]) + accepted
        self._misses_S = np.bincount(enrol_N[rejected], minlength=speakers)

        def pairs(places: Ints) -> csr_array:
            half = csr_array((np.ones(len(places)), (enrol_N[places], test_N[places])), shape=(speakers, speakers))
            return csr_array(half + half.T)

        nontargets = np.flatnonzero(~target_N)
        self._trials_SS, self._alarms_SS = pairs(nontargets), pairs(nontargets[nontargets < accepted])

    def influence(self, counts_RS: Floats, alarm_R: Floats, miss_R: Floats) -> Floats:
        """alarm d FAR / d c_i + miss d FRR / d c_i, (R, S)."""
        weight_RS = counts_RS * self._weight_S
        trials_RS, alarms_RS = (self._trials_SS @ weight_RS.T).T, (self._alarms_SS @ weight_RS.T).T
        with np.errstate(invalid="ignore", divide="ignore"):
            targets_R1 = (weight_RS @ self._targets_S)[:, None]
            frr_R1 = (weight_RS @ self._misses_S)[:, None] / targets_R1
            frr_RS = (self._misses_S - frr_R1 * self._targets_S) / targets_R1
            trials_R1 = 0.5 * (weight_RS * trials_RS).sum(axis=1, keepdims=True)
            far_R1 = 0.5 * (weight_RS * alarms_RS).sum(axis=1, keepdims=True) / trials_R1
            far_RS = (alarms_RS - far_R1 * trials_RS) / trials_R1
        return (alarm_R[:, None] * far_RS + miss_R[:, None] * frr_RS) * self._weight_S


def draw_speakers(strata_S: Sequence[int] | Ints, draws: int, rng: np.random.Generator) -> Floats:
    """How often each draw takes each speaker, (R, S); each stratum is drawn separately and keeps its size."""
    strata = np.asarray(strata_S)
    counts_RS = np.empty((draws, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        counts_RS[:, members] = draw_counts(draws, len(members), rng)
    return counts_RS


class _Runs:
    """Trials of one kind, sorted, and the run of each: their weight up to the end of every run."""

    def __init__(self, run_N: Ints, runs: int) -> None:
        present, self._starts = np.unique(run_N, return_index=True)
        self._place_K = np.searchsorted(present, np.arange(-1, runs), side="right")

    def shares(self, weight_NR: Floats) -> Floats:
        """The share of the weight up to each point of the ROC, from none to all: (K, R)."""
        sums_PR = np.zeros((len(self._starts) + 1, weight_NR.shape[1]))
        np.cumsum(np.add.reduceat(weight_NR, self._starts, axis=0), axis=0, out=sums_PR[1:])
        with np.errstate(invalid="ignore", divide="ignore"):
            sums_PR /= sums_PR[-1].copy()
        return sums_PR[self._place_K]


def _run_ends(score_N: Floats, target_N: Bools, thresholds: Sequence[float]) -> Ints:
    """The last trial of each run: of tied trials of both kinds, or of neighbours of one kind."""
    ends = np.flatnonzero(np.append(score_N[1:] != score_N[:-1], True))
    starts = np.append(0, ends[:-1] + 1)
    targets = np.add.reduceat(target_N.astype(np.intp), starts)
    kind = np.where(targets == 0, 0, np.where(targets == ends - starts + 1, 1, 2))
    keep = np.append((kind[1:] != kind[:-1]) | (kind[1:] == 2), True)
    for threshold in thresholds:
        accepted = int(np.searchsorted(-score_N[ends], -threshold, side="right"))
        if accepted:
            keep[accepted - 1] = True
    return ends[keep]


def _crossing(rates: _Rates) -> Floats:
    """The EER of each draw: where FAR and FRR cross on the line between two points."""
    lead_RK = rates.far_RK - rates.frr_RK
    rows = np.arange(len(lead_RK))
    after_R = np.maximum((lead_RK >= 0).argmax(axis=1), 1)
    before_R = after_R - 1
    start_R, stop_R = lead_RK[rows, before_R], lead_RK[rows, after_R]
    with np.errstate(invalid="ignore", divide="ignore"):
        share_R = -start_R / (stop_R - start_R)
    far_R = rates.far_RK[rows, before_R]
    return far_R + share_R * (rates.far_RK[rows, after_R] - far_R)


def _nearest_crossing(far_K: Floats, frr_K: Floats) -> int:
    """The point of one ROC that is nearest to the crossing."""
    return int(np.abs(far_K - frr_K).argmin())
