"""From the files of an audit to the tables that `judging.compare` takes.

- `request`: what is asked
- `utterances`: checked tables of word errors, one a system; `groupings`: known columns as cohorts
- `layout`: which columns are what; `counts`: errors that somebody counted already; `hints`: what the texts suggest
- `tables`, `scoring_files`: the rows of tables, and of files of scoring tools
- `trials`: scores of a verifier, and who spoke
"""

from isogloss.judging.intake.request import Request

__all__ = ["Request"]
