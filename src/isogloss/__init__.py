"""Isogloss finds the lines along which a speech model fails, and moves them.

Packages, in the order in which they may import each other:

- `errors`, `config`, `tables`: what a user got wrong, the parameters, the files that pass between stages
- `corpus`: the embedded corpus Atlas, ingest of real corpora, splits, tokens, features
- `models`, `losses`, `decoding`: transducers
- `mitigation`, `training`: adaptation strategies and Lightning modules
- `evaluation`, `cohorts`, `report`: errors, statistics, cohort rules, the fairness report (no torch)
- `pipeline`: the DVC graph and its execution
"""

__version__ = "0.1.0"
