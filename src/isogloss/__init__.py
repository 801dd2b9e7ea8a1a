"""Isogloss finds the lines along which a speech model fails, and moves them.

Packages, in the order in which they may import each other:

- `errors`, `config`, `tables`: what a user got wrong, the parameters, the files that pass between stages
- `io`: tables that people bring
- `corpus`: the embedded corpus Atlas, sources of real corpora, splits, tokens, features
- `recognizers`, `speakers`: models that turn speech into text, and models that tell voices apart
- `mitigation`, `training`, `inference`: how a model is adapted, trained and run over a corpus
- `judging`, `cohorts`, `report`, `studies`: errors and statistics, cohort rules, pages and claims (no torch)
- `pipeline`, `cli`: the DVC graph and its execution, the command line
"""

__version__ = "0.1.0"
