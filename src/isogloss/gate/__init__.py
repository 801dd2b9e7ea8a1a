"""A gate for releases: may a candidate replace the baseline, or does it harm a cohort beyond its margin?

- `running`: from gate.yaml to a result; `pairs`: the two tables, refused if they do not fit together
- `checks`: a verdict for all speakers and for each cohort, from a document; `result`: the result's fields
- `planning`: how many speakers a margin needs
- `ledger`: repeated releases on one test set
- `junit`, `markdown`: the result for build servers and for people

All figures come from a `judging.Document`.
"""

from isogloss.gate.result import Check, GateResult
from isogloss.gate.running import read_gate, run_gate

__all__ = ["Check", "GateResult", "read_gate", "run_gate"]
