"""Tests of the claims of Jin et al. 2022 (2207.07776) on the runs of an experiment: figure, interval, verdict.

Each run trains a base verifier and continues its training with every method; all are judged on the same test speakers.
The intervals cross seeds and speakers: each run is linearised over the speakers (`judging.verification`), the speakers'
parts are averaged over the runs, and the variance over the runs is added. Measures: `eer`, `gap` (the absolute
difference of the EER of two groups), `spread` (population standard deviation over groups of the EER within each).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config.claim import BASE, Claim
from isogloss.config.experiment import PlanParams
from isogloss.errors import PipelineError
from isogloss.judging.grouping import UNSPECIFIED
from isogloss.judging.statistics import Estimate
from isogloss.judging.statistics.seeds import crossed
from isogloss.judging.verification import measures as of
from isogloss.judging.verification.intervals import at_observed
from isogloss.judging.verification.lists import SIDES
from isogloss.judging.verification.resampling import Resampled, ResampledTrials
from isogloss.judging.verification.trials import trials_of
from isogloss.studies.claims import Finding, p_value, with_verdicts
from isogloss.tables import read_parquet

Floats = NDArray[np.float64]
MEASURES = ("eer", "gap", "spread")


@dataclass(frozen=True)
class JudgedVerifiers:
    """One run: the trials of test with the scores of all its verifiers.

    Attributes
    ----------
    trials
        Trials from `judging.verification.study.scored_trials`, without scores.
    scores
        System -> score of each trial.
    weights
        Weight of each test speaker.
    gap, spread
        The groupings of the two measures: `gender`, `geographic`.
    min_speakers
        Groups with fewer speakers are left out of gap and spread.
    """

    trials: pd.DataFrame
    scores: Mapping[str, pd.Series]
    weights: pd.Series
    gap: str
    spread: str
    min_speakers: int
    _known: dict[tuple[str, str | None], Callable[[Floats], Resampled]] = field(default_factory=dict, repr=False)

    def rates(self, system: str, measure: str) -> list[Callable[[Floats], Resampled]]:
        """The EERs of one system that a measure is made of, as functions of the counts of speakers."""
        names = [None] if measure == "eer" else self.groups(measure)
        return [self._rate(system, self._column(measure), name) for name in names]

    def groups(self, measure: str) -> list[str]:
        """The groups that `gap` or `spread` compares, in alphabetical order."""
        column = self._column(measure)
        sides = [
            self.trials[[f"{side}_speaker", f"{side}_{column}"]].set_axis(["speaker", "group"], axis=1)
            for side in SIDES
        ]
        speakers = pd.concat(sides).drop_duplicates().groupby("group")["speaker"].nunique()
        return sorted(str(name) for name, n in speakers.items() if n >= self.min_speakers and name != UNSPECIFIED)

    def strata(self, measure: str) -> NDArray[np.intp]:
        """The group of each speaker, as a number, from which the small-sample factor of their part is computed."""
        speakers = trials_of(self.trials.assign(score=0.0)).speakers
        column = self._column(measure)
        if column is None:
            return np.zeros(len(speakers), dtype=np.intp)
        named = pd.concat(
            [self.trials.drop_duplicates(f"{s}_speaker").set_index(f"{s}_speaker")[f"{s}_{column}"] for s in SIDES]
        )
        return pd.factorize(named[~named.index.duplicated()].reindex(speakers), sort=True)[0]

    def _column(self, measure: str) -> str | None:
        """The grouping of a measure."""
        return {"eer": None, "gap": self.gap, "spread": self.spread}[measure]

    def _rate(self, system: str, column: str | None, group: str | None) -> Callable[[Floats], Resampled]:
        """The EER of a system within a group, sorted once."""
        key = (system, None if column is None else f"{column}={group}")
        if key not in self._known:
            table = self.trials.assign(score=self.scores[system])
            trials = trials_of(table, weights=self.weights, where=f"the trials of {system}")
            if column is not None:
                within = (table[f"enrol_{column}"] == group) & (table[f"test_{column}"] == group)
                trials = trials.where(within.to_numpy())
            self._known[key] = ResampledTrials(trials).equal_error_rate()
        return self._known[key]

    def with_speakers_alike(self) -> Self:
        """The same run with weight 1 for every speaker."""
        return replace(self, weights=self.weights * 0 + 1.0, _known={})


def read_verifiers(
    output: Callable[[str], Path], *, methods: Sequence[str], gap: str, spread: str, min_speakers: int
) -> JudgedVerifiers:
    """Read the outputs of a run; `output` returns the local file of an output's path.

    Raises
    ------
    PipelineError
        The methods of a run were judged on different trials.
    """
    tables = {method: read_parquet(output(f"results/speaker/{method}/trials.parquet")) for method in methods}
    first = next(iter(tables.values()))
    for method, table in tables.items():
        if not table[["enrol_id", "test_id"]].equals(first[["enrol_id", "test_id"]]):
            raise PipelineError(f"{method} was judged on other trials than {methods[0]}; evaluate both anew")
    utterances = read_parquet(output("data/utterances.parquet"), ["speaker_id", "split", "weight"])
    test = utterances[utterances["split"] == "test"]
    return JudgedVerifiers(
        trials=first.drop(columns=["score", "score_before"]),
        scores={BASE: first["score_before"], **{method: table["score"] for method, table in tables.items()}},
        weights=test.groupby("speaker_id")["weight"].first(),
        gap=gap,
        spread=spread,
        min_speakers=min_speakers,
    )


def judge_verifiers(
    claims: Sequence[Claim], runs: Mapping[str, Sequence[JudgedVerifiers]], plan: PlanParams
) -> list[Finding]:
    """Judge every claim whose systems all runs of its setting have.

    Parameters
    ----------
    claims
        A claim names its setting.
    runs
        Setting -> its runs, each with its own base verifier.

    Raises
    ------
    PipelineError
        There is no run.
    """
    if not any(runs.values()):
        raise PipelineError("no run is finished, so no claim can be judged; `isogloss sweep` runs the experiment")
    weighted = {setting: list(of_setting) for setting, of_setting in runs.items()}
    alike = {setting: [run.with_speakers_alike() for run in of_setting] for setting, of_setting in runs.items()}
    first, other = (weighted, alike) if plan.estimand == "population" else (alike, weighted)
    findings = []
    for claim in claims:
        of_setting = first.get(claim.setting, [])
        if not of_setting or not all({claim.method, claim.against} <= set(run.scores) for run in of_setting):
            continue
        systems = claim.against, claim.method, claim.measure

        def change(level: float, judged: Sequence[JudgedVerifiers] = of_setting, of: tuple = systems) -> Estimate:
            return change_over_seeds(judged, *of, confidence=level)

        findings.append(
            Finding(
                claim,
                change(plan.confidence),
                change(plan.confidence, other[claim.setting]),
                p_value(change, claim.limit),
                len(of_setting),
                len(of_setting),
            )
        )
    return with_verdicts(findings, plan)


def change_over_seeds(
    runs: Sequence[JudgedVerifiers], before: str, after: str, measure: str, *, confidence: float = 0.95
) -> Estimate:
    """The change of a measure from one system to another: of `eer` relative, of `gap` and `spread` the difference.

    Raises
    ------
    PipelineError
        The runs are on different test speakers or groups.
    """
    _refuse_different(runs, measure)
    values = [[*run.rates(before, measure), *run.rates(after, measure)] for run in runs]
    groups = len(values[0]) // 2
    if measure == "eer":
        change = of.change(0, 1)
    elif measure == "gap" and groups == 2:
        change = of.change_of_gap((0, 1), (2, 3))
    elif measure == "spread" and groups > 1:
        change = of.difference_of_spread(of.standard_deviation, range(groups), range(groups, 2 * groups))
    else:
        return Estimate(None, None, None)
    return _mean(runs, values, change, measure, confidence=confidence)


def level_over_seeds(
    runs: Sequence[JudgedVerifiers], system: str, measure: str, *, confidence: float = 0.95
) -> Estimate:
    """A measure of one system; raises as `change_over_seeds`."""
    _refuse_different(runs, measure)
    values = [run.rates(system, measure) for run in runs]
    groups = len(values[0])
    if measure == "eer":
        level = of.level(0)
    elif measure == "gap" and groups == 2:
        level = of.gap(0, 1)
    elif measure == "spread" and groups > 1:
        level = of.spread(of.standard_deviation, range(groups))
    else:
        return Estimate(None, None, None)
    return _mean(runs, values, level, measure, confidence=confidence)


def _refuse_different(runs: Sequence[JudgedVerifiers], measure: str) -> None:
    """Raise if runs with different speakers or groups would be averaged by position."""
    speakers = [sorted({*run.trials["enrol_speaker"], *run.trials["test_speaker"]}) for run in runs]
    if any(one != speakers[0] for one in speakers) or any(
        not run.weights.index.equals(runs[0].weights.index) for run in runs
    ):
        raise PipelineError("the runs of a setting are on different test speakers; give them one prepare.seed")
    groups = [[] if measure == "eer" else run.groups(measure) for run in runs]
    for number, names in enumerate(groups, start=1):
        if names != groups[0]:
            raise PipelineError(
                f"run {number} of a setting has the groups {', '.join(names)} and run 1 {', '.join(groups[0])}; "
                f"{measure} needs the same in all: judge runs that share their cohorts"
            )


def _mean(
    runs: Sequence[JudgedVerifiers],
    values: Sequence[Sequence[Callable[[Floats], Resampled]]],
    measured: of.Measure,
    measure: str,
    *,
    confidence: float,
) -> Estimate:
    """The mean over the runs on the working scale, with both sources of variance."""
    strata_S = runs[0].strata(measure)
    parts = [at_observed(each, measured, strata_S) for each in values]
    of_runs = np.array([value for value, _ in parts])
    mean_S = np.mean([part_S for _, part_S in parts], axis=0)
    taking_part = int(np.count_nonzero(mean_S))
    of_speakers = float(np.sqrt((mean_S**2).sum()))
    return crossed(
        float(of_runs.mean()),
        of_speakers if np.isfinite(of_speakers) else None,
        of_runs,
        max(taking_part, 2),
        measured.restore,
        confidence=confidence,
    )
