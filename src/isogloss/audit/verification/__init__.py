"""The audit of a speaker verifier: whom it fails, from scores alone.

- `reading`: trials and speakers, checked; `hiding`: which cohorts may be shown
- `figures`: everything that is said, as fairness.json and cohorts.parquet; `findings`: the same in sentences
- `terminal`, `page`: how it reaches the reader; `report`: of the pipeline's own verifiers
"""

from isogloss.audit.verification.figures import audit_trials

__all__ = ["audit_trials"]
