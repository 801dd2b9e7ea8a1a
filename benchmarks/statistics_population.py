"""The simulated speakers of `statistics_coverage.py`.

The utterances of a speaker depend on each other: speakers differ in rate (gamma, so skewed), a rare stratum errs twice
as often and is oversampled (weight 0.3 against 1.3), utterances differ in difficulty, and both systems meet the same
difficulty. Truths are known by construction.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

CHANGE = -0.2
"""Relative change of the error rate by the second system."""
STRATA = ((0.3, 0.3, 2.0), (0.7, 1.3, 1.0))
"""Share of the sampled speakers, weight, factor of the error rate."""


@dataclass(frozen=True)
class Sample:
    """Utterances of some speakers."""

    counts: NDArray[np.int64]
    """Errors and words before, errors and words after, (N, 4)."""
    weight: Array
    speaker: NDArray[np.int64]

    @property
    def totals(self) -> Array:
        """Weighted counts of each utterance, (N, 4)."""
        return self.counts * self.weight[:, None]

    @property
    def by_speaker(self) -> Array:
        """Weighted counts of each speaker, (S, 4)."""
        return np.stack([np.bincount(self.speaker, column) for column in self.totals.T], axis=1)

    def as_table(self, column: int) -> pd.DataFrame:
        """The utterance table of the system whose errors stand in `column`."""
        return pd.DataFrame(
            {
                "utterance_id": np.arange(len(self.speaker)).astype(str),
                "speaker_id": self.speaker.astype(str),
                "weight": self.weight,
                "words": self.counts[:, 1],
                "substitutions": self.counts[:, column],
                "deletions": 0,
                "insertions": 0,
            }
        )


def simulate(speakers: int, base: float, rng: np.random.Generator, *, change: float = CHANGE) -> Sample:
    """Speakers of a population with this base rate, and a second system that changes it by `change`."""
    _, weights, factors = np.array(STRATA).T
    stratum = rng.choice(2, speakers, p=[STRATA[0][0], STRATA[1][0]])
    rate = base * factors[stratum] * rng.gamma(2.0, 0.5, speakers)
    rate_after = rate * (1 + change) * rng.gamma(6.0, 1 / 6, speakers)
    speaker = np.repeat(np.arange(speakers), rng.integers(4, 13, speakers))
    words = 1 + rng.poisson(4.0, speaker.size)
    exposure = words * rng.gamma(2.0, 0.5, speaker.size)
    before, after = rng.poisson(exposure * rate[speaker]), rng.poisson(exposure * rate_after[speaker])
    return Sample(np.stack([before, words, after, words], axis=1), weights[stratum][speaker], speaker)


def true_rate(base: float) -> float:
    """The population's error rate, in which each stratum has its weight."""
    shares, weights, factors = np.array(STRATA).T
    return float(base * (shares * weights * factors).sum() / (shares * weights).sum())
