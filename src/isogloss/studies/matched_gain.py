"""What mitigations cost all others at the same gain for the worst cohort.

Comparing methods at one option each confuses how good a method is with how strongly it was applied. Here every method
has trials of one option, its dial. For each base model, a method's trials form a path that begins at the base model
(no gain, no cost) and follows the dial. The cost at a gain is read where the path first reaches that gain, by linear
interpolation between the trials before and after (our choice). The gain is the relative fall of the word error rate of
the cohort that was worst on discovery, the cost the relative rise of that of all others, both on test.

Standard errors over speakers are those of the jackknife; intervals cross base models and speakers.

Shapes: K trials of a path and its beginning, S speakers of test, J = 1 + S: all speakers, then all but one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config.claim import BASE
from isogloss.config.experiment import MatchedGainParams
from isogloss.errors import PipelineError
from isogloss.judging.pairing import cohorts_of, pair_utterances, sums_by_cohort, totals_of
from isogloss.judging.statistics import Estimate
from isogloss.judging.system import of_split
from isogloss.studies.jackknife import leave_one_out, mean_over_bases
from isogloss.studies.recognition_claims import JudgedRun, bases_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """A run with the options that it sets.

    Attributes
    ----------
    run
        Its outputs.
    options
        Dotted option -> value, such as `ewc.strength`.
    """

    run: JudgedRun
    options: Mapping[str, float]


@dataclass(frozen=True)
class MatchedGain:
    """The cost of a method at a gain.

    Attributes
    ----------
    gain
        The relative fall of the worst cohort's error rate.
    reached
        Number of base models on which the method reaches it.
    bases
        Number of base models.
    cost
        The relative rise of all others' error rate; without a value unless all base models reach the gain.
    difference
        The same minus the reference method's, as a difference of two relative changes; None for the reference.
    """

    method: str
    gain: float
    reached: int
    bases: int
    cost: Estimate
    difference: Estimate | None


def matched_gains(trials: Sequence[Trial], params: MatchedGainParams, *, min_deciding: float) -> list[MatchedGain]:
    """The costs of all methods at each gain of `params.gains`.

    Parameters
    ----------
    min_deciding
        Deciding speakers below which a cost has no interval.

    Raises
    ------
    PipelineError
        No run is finished, the reference has no trial, base models have different test speakers, or a method differs in
        several options.
    """
    if not trials:
        raise PipelineError("no run is finished, so there is nothing to compare; `isogloss sweep` runs the experiment")
    bases = bases_of([trial.run for trial in trials])
    methods = list(dict.fromkeys(name for trial in trials for name in trial.run.tables if name != BASE))
    if params.reference not in methods:
        raise PipelineError(f"no finished run has the method {params.reference} (study.matched_gain.reference)")
    paths = {method: _paths(method, trials, bases, params) for method in methods}
    rows = []
    for gain in params.gains:
        costs = {method: np.stack([cost_at(*path, gain) for path in each]) for method, each in paths.items()}
        for method, cost_BJ in costs.items():
            difference = None
            if method != params.reference:
                difference = mean_over_bases(cost_BJ - costs[params.reference], min_deciding=min_deciding)
            reached = int(np.isfinite(cost_BJ[:, 0]).sum())
            cost = mean_over_bases(cost_BJ, min_deciding=min_deciding)
            rows.append(MatchedGain(method, gain, reached, len(cost_BJ), cost, difference))
    return rows


def cost_at(gain_KJ: Array, cost_KJ: Array, gain: float) -> Array:
    """The cost of each path where it first reaches a gain, (J,); NaN for a path that does not."""
    reaches_KJ = gain_KJ >= gain
    after_J = np.maximum(reaches_KJ.argmax(axis=0), 1)  # the first row is the base model, which gains nothing
    columns_J = np.arange(gain_KJ.shape[1])
    before_J = after_J - 1
    low_J, high_J = gain_KJ[before_J, columns_J], gain_KJ[after_J, columns_J]
    with np.errstate(invalid="ignore", divide="ignore"):
        share_J = (gain - low_J) / (high_J - low_J)
    cost_J = cost_KJ[before_J, columns_J] + share_J * (cost_KJ[after_J, columns_J] - cost_KJ[before_J, columns_J])
    return np.where(reaches_KJ.any(axis=0), cost_J, np.nan)


def _paths(
    method: str, trials: Sequence[Trial], bases: Sequence[int], params: MatchedGainParams
) -> list[tuple[Array, Array]]:
    """Gains and costs of a method's trials for each base model, in the order of its dial, from the base model on."""
    own = [(trial, base) for trial, base in zip(trials, bases, strict=True) if method in trial.run.tables]
    dials = {key for trial, _ in own for key in trial.options if key.startswith(f"{method}.")}
    if len(dials) != 1:
        raise PipelineError(
            f"the trials of {method} differ in {len(dials)} options; a path needs one ({', '.join(sorted(dials))})"
        )
    (dial,) = dials
    falling = dial in params.held_back_by
    paths = []
    for base in dict.fromkeys(bases):
        same = sorted((trial.options[dial], n) for n, (trial, of) in enumerate(own) if of == base)
        changes = [_changes(own[n][0].run, method) for _, n in (reversed(same) if falling else same)]
        start_2J = np.zeros_like(changes[0]) if changes else np.full((2, 1), np.nan)
        gain_KJ, cost_KJ = np.stack([start_2J, *changes], axis=1)
        paths.append((gain_KJ, cost_KJ))
    if len({gain_KJ.shape[1] for gain_KJ, _ in paths}) > 1:
        raise PipelineError(f"{method} was not tried on every base model with the same test speakers; finish the sweep")
    return paths


def _changes(run: JudgedRun, method: str) -> Array:
    """Gain and cost, (2, J), of a method against the base model of the run."""
    pairs = pair_utterances(*(of_split(run.tables[name], "test") for name in (BASE, method)))
    cohorts = cohorts_of(pairs["utterance_id"], run.assignments)
    there = set(cohorts)
    worst = next(name for name in run.summary["worst"] if name in there)
    sums = sums_by_cohort(pairs, pd.Series(np.where(cohorts == worst, "worst", "others")))
    place_S, speakers = pd.factorize(sums["speaker"], sort=True)
    changes = []
    for group, sign in (("worst", -1.0), ("others", 1.0)):
        of_group = (sums["cohort"] == group).to_numpy()
        rows_S4 = np.zeros((len(speakers), 4))
        rows_S4[place_S[of_group]] = totals_of(sums[of_group])
        totals_J4 = leave_one_out(rows_S4)
        with np.errstate(invalid="ignore", divide="ignore"):  # a group without errors has no relative change
            before_J, after_J = totals_J4[:, 0] / totals_J4[:, 1], totals_J4[:, 2] / totals_J4[:, 3]
            changes.append(sign * (after_J / before_J - 1))
    return np.stack(changes)
