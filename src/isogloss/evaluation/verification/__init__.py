"""Errors of speaker verification, overall and by group, with intervals whose units are speakers. No torch.

- `trials`: the table of trials, checked, and list files in the form of VoxCeleb's
- `lists`: deterministic trials from held-out speakers
- `scoring`: cosines of embeddings, adaptive s-norm
- `errors`: EER, minDCF, and error rates at a threshold, from weighted trials
- `resampling`, `intervals`: the bootstrap over speakers
- `measures`: what is estimated: errors of groups, their changes, gaps and spread
- `fairness`: two verifiers compared overall and cohort by cohort, as fairness.json

A weight or a draw belongs to a speaker. A non-target trial has two speakers, and its weight is the product of theirs.
A target trial has one: it weighs as much as he does, not his square, since he is drawn once (a squared weight would
make the intervals of the miss rate too wide; `benchmarks/verification_coverage.py` shows both).

Shapes: N trials, S speakers, R draws, M measures.
"""

from isogloss.evaluation.verification.errors import Errors, Threshold, equal_error_rate, errors_of, min_dcf
from isogloss.evaluation.verification.trials import ScoredTrials, read_list, trials_of, write_list

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
