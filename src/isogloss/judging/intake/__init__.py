"""From the files of an audit to the tables that `judging.compare` takes.

- `request`: what is asked
- `utterances`: one checked table of word errors, before and after; `groupings`: known columns as cohorts
- `trials`: scores of a verifier, and who spoke
"""

from isogloss.judging.intake.request import DISCOVERABLE, Request

__all__ = ["DISCOVERABLE", "Request"]
