"""The audit: whom a recogniser fails, from references and hypotheses alone. For those who never train with us.

- `audit`: reads, checks, compares, judges; `Request`: what is asked
- `reading`, `cells`, `kaldi`, `embeddings`: files; `roles`: which column is what; `normalise`: what counts as a word
- `utterances`: one checked table of word errors, before and after; `positions`: latitude and longitude
- `groupings`: known columns; `discovering`: cohorts chosen on one half of the speakers, for the other half
- `figures`: everything that is said, as fairness.json, small cohorts hidden; `findings`: the same in sentences
- `terminal`, `page`, `charts`, `bounds`, `writing`: how it reaches the reader
- `verification`: the same of a speaker verifier, from its scores
"""

from isogloss.audit.request import DISCOVERABLE, Request
from isogloss.audit.run import Audit, audit

__all__ = ["DISCOVERABLE", "Audit", "Request", "audit"]
