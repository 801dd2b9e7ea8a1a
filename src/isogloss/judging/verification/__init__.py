"""Errors of speaker verification, overall and by group, with intervals whose units are speakers. No torch.

- `trials`: the table of trials, checked, and list files in the form of VoxCeleb's
- `lists`: deterministic trials from held-out speakers
- `scoring`: cosines of embeddings, adaptive s-norm
- `errors`: EER, minDCF, and error rates at a threshold, from weighted trials
- `resampling`, `intervals`: the bootstrap over speakers
- `measures`: what is estimated: errors of groups, their changes, gaps and spread
- `cohorts`: the trials of each cohort; `inference`: their errors with intervals
- `eer`: the document of one verifier, or of two on the same trials, overall and cohort by cohort
- `study`: a mitigated verifier beside the base one on held-out speakers

A weight or a draw belongs to a speaker. A non-target trial has two speakers, and its weight is the product of theirs.
A target trial has one: it weighs as much as its speaker, not their square, since a speaker is one draw from the
population; so a miss rate is the ratio of sums over speakers that it is for one system
(`benchmarks/verification_coverage.py` measures the intervals).

Shapes: N trials, S speakers, R draws, M measures.
"""

from isogloss.judging.verification.errors import Errors, Threshold, equal_error_rate, errors_of, min_dcf
from isogloss.judging.verification.trials import ScoredTrials, read_list, trials_of, write_list

__all__ = [
    "Errors",
    "ScoredTrials",
    "Threshold",
    "equal_error_rate",
    "errors_of",
    "min_dcf",
    "read_list",
    "trials_of",
    "write_list",
]
