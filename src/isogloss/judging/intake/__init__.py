"""What people bring, made into the tables that `judging.compare` takes: for those who never train with us.

- `request`: what is asked
- `utterances`: one checked table of word errors, before and after; `groupings`: known columns as cohorts
- `trials`: scores of a verifier, and who spoke
"""

from isogloss.judging.intake.request import DISCOVERABLE, Request

__all__ = ["DISCOVERABLE", "Request"]
