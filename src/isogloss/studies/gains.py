"""Gains and losses of every cohort of a rule by each mitigation, over seeds and speakers.

A run adapts a base model by several methods; each method is compared with the base model of its own run on the same
test speakers. The cohort that was worst on discovery is compared with all others together, since a mitigation that is
meant for the first may harm the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config.claim import BASE
from isogloss.errors import PipelineError
from isogloss.judging.pairing import cohorts_of, pair_utterances, sums_by_cohort, totals_of
from isogloss.judging.rates import speakers_by_words
from isogloss.judging.statistics import Estimate, over_seeds
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.intervals import deciding_speakers
from isogloss.judging.system import of_split
from isogloss.studies.recognition_claims import JudgedRun

Array = NDArray[np.float64]
EVERYBODY, OTHERS = "everybody", "all others"
"""Groups apart from the cohorts: all test speakers, and those outside the cohort that was worst on discovery."""


@dataclass(frozen=True)
class Gain:
    """The effect of one system on one group of test speakers.

    Attributes
    ----------
    setting, system, group
        The setting without the experiment's name, the method, and the cohort (or `EVERYBODY`, `OTHERS`).
    worst
        Whether the group is the cohort that was worst on discovery.
    runs, speakers
        Numbers of runs and test speakers behind the figures.
    before
        Word error rate of the base model, with population weights.
    change, alike
        Relative change of the word error rate, with population weights and with all weights equal. The upper ends of
        the intervals are the largest harms that the runs do not exclude. There is no interval if there is a single run,
        if the group has too few speakers to be judged, or if too few speakers decide on the change.
    """

    setting: str
    system: str
    group: str
    worst: bool
    runs: int
    speakers: int
    before: float
    change: Estimate
    alike: Estimate


def gains(
    runs: Mapping[str, Sequence[JudgedRun]],
    *,
    min_speakers: int,
    min_deciding: float = 1.0,
    fewest: int = 1,
    confidence: float = 0.95,
) -> list[Gain]:
    """Judge every system of every setting, in the order of the settings, systems and groups.

    Parameters
    ----------
    runs
        Setting -> its finished runs, one a seed.
    min_speakers
        Fewest test speakers of a group that gets an interval.
    min_deciding
        Fewest who decide on a change that gets one, and who have its words (`statistics.min_deciding`).
    fewest
        Smallest number of test speakers of a figure that is shown (`privacy.min_speakers`).
    confidence
        Level of each interval, without adjustment over groups and systems.

    Raises
    ------
    PipelineError
        There is no run, the runs of a setting have different cohorts or test speakers, or a group has fewer than
        `fewest` speakers: its figures would follow from those of the other groups, so nothing is shown.
    """
    if not runs:
        raise PipelineError("no run is finished, so nothing can be judged; `isogloss sweep` runs the experiment")
    found = []
    for setting, same in runs.items():
        _refuse_different_cohorts(setting, same)
        for system in same[0].tables:
            if system == BASE:
                continue
            sides = {alike: [_totals(run, system, alike=alike) for run in same] for alike in (False, True)}
            worst = same[0].summary["worst"][0]
            if min(map(len, sides[False][0].values())) < fewest:
                raise PipelineError(
                    f"{setting}: a cohort has fewer than {fewest} test speakers (privacy.min_speakers), and the others "
                    "would give its figures away; let the study name a rule with larger cohorts"
                )
            for group, first in sides[False][0].items():
                estimates = [
                    _estimate([totals[group] for totals in sides[alike]], min_speakers, min_deciding, confidence)
                    for alike in (False, True)
                ]
                errors, words = np.sum([totals[group] for totals in sides[False]], axis=(0, 1))[:2]
                found.append(
                    Gain(setting, system, group, group == worst, len(same), len(first), errors / words, *estimates)
                )
    return found


def _totals(run: JudgedRun, system: str, *, alike: bool) -> dict[str, Array]:
    """Group -> `TOTALS` of its test speakers, (S, 4), of the base model and a system: everybody, others, cohorts."""
    pairs = pair_utterances(*(of_split(run.tables[name], "test") for name in (BASE, system)), alike=alike)
    cohorts = cohorts_of(pairs["utterance_id"], run.assignments)
    everybody = pd.Series(EVERYBODY, index=cohorts.index)
    others = everybody.replace(EVERYBODY, OTHERS).where(cohorts.notna() & (cohorts != run.summary["worst"][0]))
    sums = pd.concat([sums_by_cohort(pairs, of_rows) for of_rows in (everybody, others, cohorts)])
    return {group: totals_of(sums[sums["cohort"] == group]) for group in sums["cohort"].unique()}


def _estimate(runs: list[Array], min_speakers: int, min_deciding: float, confidence: float) -> Estimate:
    """The relative change over runs; without an interval where too few speakers stand behind it, or decide on it."""
    estimate = over_seeds([[totals] for totals in runs], of.relative_change(), confidence=confidence)
    enough = len(runs[0]) >= min_speakers and _deciding(np.mean(runs, axis=0)) >= min_deciding
    return estimate if enough else Estimate(estimate.value, None, None)


def _deciding(totals_S4: Array) -> float:
    """How many speakers decide on a relative change, or have its words, if these are fewer; 0 where it is undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        influence_S = (totals_S4 / totals_S4.sum(axis=0)) @ np.array([-1.0, 1.0, 1.0, -1.0])
    return min(deciding_speakers(influence_S) or 0.0, speakers_by_words([totals_S4], [0]))


def _refuse_different_cohorts(setting: str, runs: Sequence[JudgedRun]) -> None:
    """Raise where the runs of a setting put test utterances in different cohorts, or have different test speakers."""
    first, *others = (run.assignments.set_index("utterance_id")["cohort"].sort_index() for run in runs)
    worst = {run.summary["worst"][0] for run in runs}
    if len(worst) > 1 or not all(first.equals(other) for other in others):
        raise PipelineError(
            f"the runs of {setting} have different cohorts, so no cohort can be followed over seeds; take a rule that "
            "does not depend on the base model, or one seed of it"
        )
    speakers, *rest = (sorted(set(of_split(run.tables[BASE], "test")["speaker_id"])) for run in runs)
    if any(one != speakers for one in rest):
        raise PipelineError(f"the runs of {setting} are on different test speakers; give them one prepare.seed")
