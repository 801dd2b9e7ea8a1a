"""Cohort rules: estimators that find groups of speakers with different error rates.

- `rule`: the base class of the rules; `registry`: the rules by name, their inputs, their files
- `geographic`: a tree over latitude and longitude (`units`, `regions`, `growth`, `significance`, `partition`,
  `moments`, `labels`)
- `geodemographic`: two groups of ZIP codes by majority attribute
- `automatic`: clusters of voices (`stability`)
- `attribute`: the values of known columns and their intersections
- `discovery`: fit a rule on discovery, apply it to every split, rank cohorts
"""

from isogloss.cohorts.discovery import Discovery, discover, write_discovery
from isogloss.cohorts.registry import build_rule, load_rule, require_rule_inputs
from isogloss.cohorts.rule import UNSPECIFIED, CohortRule

__all__ = [
    "UNSPECIFIED",
    "CohortRule",
    "Discovery",
    "build_rule",
    "discover",
    "load_rule",
    "require_rule_inputs",
    "write_discovery",
]
