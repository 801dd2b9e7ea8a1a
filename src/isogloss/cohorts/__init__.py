"""Cohort rules: estimators that find groups of speakers whom a recogniser serves differently.

- `rule`: what every rule is; `registry`: the rules by name, their inputs, their files
- `geographic`: a tree over latitude and longitude (`units`, `regions`, `growth`, `significance`, `partition`,
  `moments`, `labels`)
- `attribute`: the values of known columns and their intersections
- `discovery`: fit a rule on discovery, apply it to every split, rank cohorts; `selection`: the worst of them
"""
