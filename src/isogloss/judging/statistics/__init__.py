"""Intervals and tests for ratio-of-sums metrics (WER and its like) whose independent units are speakers.

- `intervals`: the bootstrap over speakers, with intervals that hold for few of them
- `estimands`: what is estimated, with its gradient; `resampling`, `groups`: the draws of speakers
- `permutation`: sign flips (two systems), exchanged membership (groups of speakers); `multiple`: Holm's adjustment
- `seeds`: several runs on the same speakers
- `regression`: Poisson regression of error counts with speaker dependence
- `effective`: how many speakers a weighted figure rests on
- `power`: the least change that the given speakers could have shown
"""

from isogloss.judging.statistics.effective import effective_speakers
from isogloss.judging.statistics.intervals import (
    Estimate,
    bootstrap,
    ratio,
)
from isogloss.judging.statistics.multiple import holm
from isogloss.judging.statistics.permutation import exchange_cohorts, sign_flip
from isogloss.judging.statistics.power import detectable_change, detectable_ratio
from isogloss.judging.statistics.regression import RateRatio, poisson_effects
from isogloss.judging.statistics.seeds import mean_over_seeds, over_seeds

__all__ = [
    "Estimate",
    "RateRatio",
    "bootstrap",
    "detectable_change",
    "detectable_ratio",
    "effective_speakers",
    "exchange_cohorts",
    "holm",
    "mean_over_seeds",
    "over_seeds",
    "poisson_effects",
    "ratio",
    "sign_flip",
]
