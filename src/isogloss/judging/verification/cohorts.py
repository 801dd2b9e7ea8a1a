"""The trials of each cohort under one verifier or two, and their errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config import StatisticsParams
from isogloss.judging.statistics.effective import effective_speakers
from isogloss.judging.verification.errors import Errors, errors_of
from isogloss.judging.verification.trials import ScoredTrials


@dataclass(frozen=True)
class Cohort:
    """A group of speakers, and the trials among them under each verifier."""

    name: str
    sides: tuple[ScoredTrials, ...]
    """The trials of the first verifier, and of the second if there is one."""
    members: NDArray[np.intp]
    """Its speakers, as indices into the speakers of all trials."""
    errors: tuple[Errors, ...]
    """The errors of each verifier on these trials."""

    @property
    def measurable(self) -> bool:
        """Whether there are targets and non-targets."""
        return self.errors[0].measurable

    @property
    def effective_speakers(self) -> float:
        """Kish's number of its speakers."""
        return effective_speakers(self.sides[0].weight_S[self.members])

    @property
    def deciding_speakers(self) -> float:
        """Kish's number of the speakers who have targets, or of those who have non-targets, if these are fewer.

        A miss rate is of the former alone, a false alarm rate of the latter, however many others the cohort has.
        """
        side = self.sides[0]
        owners = side.enrol_N[side.target_N]
        others = np.concatenate([side.enrol_N[~side.target_N], side.test_N[~side.target_N]])
        return min(effective_speakers(side.weight_S[np.unique(those)]) for those in (owners, others))

    def has_inference(self, statistics: StatisticsParams) -> bool:
        """Whether there are trials and effective speakers enough."""
        enough = min(self.effective_speakers, self.deciding_speakers) >= statistics.min_speakers
        return self.measurable and enough


def everybody(sides: Sequence[ScoredTrials]) -> Cohort:
    """All trials together."""
    return Cohort("all", tuple(sides), np.arange(len(sides[0].speakers)), tuple(map(errors_of, sides)))


def cohorts_of(sides: Sequence[ScoredTrials], enrol: pd.Series, test: pd.Series) -> list[Cohort]:
    """The trials within each cohort, and its speakers; `enrol` and `test` are the cohorts of both sides."""
    result = []
    for name in sorted({*enrol.unique(), *test.unique()}):
        first, second = (enrol == name).to_numpy(), (test == name).to_numpy()
        members = np.unique(np.concatenate([sides[0].enrol_N[first], sides[0].test_N[second]]))
        trials = tuple(side.where(first & second) for side in sides)
        result.append(Cohort(str(name), trials, members, tuple(map(errors_of, trials))))
    return result


def strata_of(cohorts: Sequence[Cohort]) -> NDArray[np.intp]:
    """The stratum of each speaker for resampling: their cohort, or one for all if a speaker is in several cohorts."""
    strata_S = np.full(len(cohorts[0].sides[0].speakers), -1, dtype=np.intp)
    for number, one in enumerate(cohorts):
        if (strata_S[one.members] >= 0).any():
            return np.zeros(len(strata_S), dtype=np.intp)
        strata_S[one.members] = number
    return strata_S
