"""Equal error rate, detection cost, and error rates at a threshold, from weighted trials.

Trials are accepted from the highest score down. Each distinct score gives a point of the ROC: the share of non-targets
accepted (FAR) and of targets rejected (FRR). Between two points the curve is a straight line, the average over all
orders of the tied trials, so the equal error rate is exact and needs no threshold grid.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isogloss.errors import TableError
from isogloss.judging.verification.trials import ScoredTrials

Floats = NDArray[np.float64]

P_TARGETS = (0.01, 0.05)
"""Prior probabilities of a target for which the detection cost is reported (VoxSRC uses 0.05, NIST SRE 0.01)."""


@dataclass(frozen=True)
class Threshold:
    """A threshold, and the error rates if trials with at least this score are accepted."""

    score: float
    far: float | None
    """Share of non-targets accepted; None without non-targets."""
    frr: float | None
    """Share of targets rejected; None without targets."""


@dataclass(frozen=True)
class Errors:
    """Errors of a set of trials; a rate that cannot be measured on them is None."""

    targets: int
    nontargets: int
    eer: float | None
    min_dcf: dict[float, float | None]
    """The minimum detection cost, by the prior probability of a target."""
    at_eer: Threshold | None
    """The threshold nearest to the equal error rate, and the two rates there; None if `eer` is None."""

    @property
    def measurable(self) -> bool:
        """Whether there are targets and non-targets."""
        return self.eer is not None


@dataclass(frozen=True)
class Roc:
    """Points of the curve from "accept none" to "accept all"."""

    far_K: Floats
    frr_K: Floats
    score_K: Floats
    """The lowest score accepted at each point; inf at the first."""


def errors_of(trials: ScoredTrials) -> Errors:
    """All errors of some trials, weighted by speakers."""
    targets = int(trials.target_N.sum())
    nontargets = len(trials) - targets
    if targets == 0 or nontargets == 0:
        return Errors(targets, nontargets, None, dict.fromkeys(P_TARGETS), None)
    curve = roc(trials.score_N, trials.target_N, trial_weights(trials))
    eer, place = eer_of(curve)
    costs = {p: min_dcf_of(curve, p) for p in P_TARGETS}
    at = Threshold(float(curve.score_K[place]), float(curve.far_K[place]), float(curve.frr_K[place]))
    return Errors(targets, nontargets, eer, dict(costs), at)


def rates_at(trials: ScoredTrials, score: float) -> Threshold:
    """FAR and FRR of some trials where those of at least `score` are accepted."""
    weight_N = trial_weights(trials)
    accepted_N = trials.score_N >= score
    far = _share(weight_N, accepted_N & ~trials.target_N, ~trials.target_N)
    frr = _share(weight_N, ~accepted_N & trials.target_N, trials.target_N)
    return Threshold(score, far, frr)


def trial_weights(trials: ScoredTrials) -> Floats | None:
    """The weight of each trial: that of its speaker for a target, else the product of two; None where all are 1."""
    if (trials.weight_S == 1).all():
        return None
    weight_N = trials.weight_S[trials.enrol_N]
    return np.where(trials.target_N, weight_N, weight_N * trials.weight_S[trials.test_N])


def equal_error_rate(scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The rate at which as many targets are rejected as non-targets accepted.

    Parameters
    ----------
    scores, targets, weights
        (N,) each; the higher the score, the more alike.

    Raises
    ------
    TableError
        There are no targets or no non-targets, so that there is no such rate.
    """
    return eer_of(roc(scores, targets, weights))[0]


def min_dcf(scores: ArrayLike, targets: ArrayLike, *, p_target: float, weights: ArrayLike | None = None) -> float:
    """The least detection cost over all thresholds, with equal costs of a miss and a false alarm.

    (p FRR + (1 - p) FAR) / min(p, 1 - p): 1 is the cost of accepting all trials or rejecting all, whichever is lower
    (NIST SRE). Parameters and errors as `equal_error_rate`.
    """
    return min_dcf_of(roc(scores, targets, weights), p_target)


def roc(scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> Roc:
    """The points of the curve; see `equal_error_rate` for parameters and errors."""
    score_N, target_N = np.asarray(scores, dtype=np.float64), np.asarray(targets, dtype=bool)
    order = np.argsort(score_N)[::-1]
    sorted_N, hit_N = score_N[order], target_N[order]
    if weights is None:
        hits_N = np.cumsum(hit_N, dtype=np.float64)
        all_N = np.arange(1, len(hit_N) + 1, dtype=np.float64)
    else:
        weight_N = np.asarray(weights, dtype=np.float64)[order]
        hits_N, all_N = np.cumsum(weight_N * hit_N), np.cumsum(weight_N)
    ends = np.flatnonzero(np.append(sorted_N[1:] != sorted_N[:-1], True))
    hits_K, false_K = hits_N[ends], all_N[ends] - hits_N[ends]
    if len(hits_K) == 0 or hits_K[-1] <= 0 or not (~hit_N).any():
        raise TableError("there are no targets or no non-targets among the trials; an error rate needs both")
    far_K, frr_K = false_K / false_K[-1], 1.0 - hits_K / hits_K[-1]
    return Roc(np.append(0.0, far_K), np.append(1.0, frr_K), np.append(np.inf, sorted_N[ends]))


def eer_of(curve: Roc) -> tuple[float, int]:
    """The equal error rate, and the point of the curve that is nearest to it."""
    lead_K = curve.far_K - curve.frr_K
    after = int(np.searchsorted(lead_K, 0.0))
    before = after - 1
    share = -lead_K[before] / (lead_K[after] - lead_K[before])
    eer = curve.far_K[before] + share * (curve.far_K[after] - curve.far_K[before])
    return float(eer), before if share < 0.5 and before > 0 else after


def min_dcf_of(curve: Roc, p_target: float) -> float:
    """The least normalised detection cost on a curve."""
    cost_K = p_target * curve.frr_K + (1.0 - p_target) * curve.far_K
    return float(cost_K.min() / min(p_target, 1.0 - p_target))


def _share(weight_N: Floats | None, part_N: NDArray[np.bool_], whole_N: NDArray[np.bool_]) -> float | None:
    """The weighted share of a part in the whole; None where there is no whole."""
    if weight_N is None:
        whole = int(np.count_nonzero(whole_N))
        return int(np.count_nonzero(part_N)) / whole if whole else None
    total = float(weight_N[whole_N].sum())
    return float(weight_N[part_N].sum()) / total if total > 0 else None
