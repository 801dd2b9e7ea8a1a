"""Intervals and tests for metrics that are ratios of sums, such as WER, with speakers as independent units.

- `intervals`: the bootstrap over speakers, with intervals that are valid for few speakers
- `estimands`: the estimated quantities with their gradients; `resampling`, `groups`: the draws of speakers
- `permutation`: sign flips (two systems), exchanged membership (groups of speakers); `multiple`: Holm's adjustment
- `seeds`: several runs on the same speakers
- `regression`: Poisson regression of error counts with speaker dependence
- `effective`: the effective number of speakers of a weighted figure
- `power`: the smallest change that a test on the given speakers would detect
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
