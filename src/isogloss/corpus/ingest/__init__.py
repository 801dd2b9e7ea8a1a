"""Ingest: a table of recorded speech becomes a corpus folder of Lhotse manifests. Audio is never copied.

- `ingest`: check everything, then write; `describe_table`: write the description of one's own table
- `utterances`: rows of a table (`isogloss.io`) to utterances; `attributes`: what is known beside the words
- `audio`: headers; `spans`: where utterances lie; `writing`: the corpus folder
"""

from isogloss.corpus.ingest.corpus import Ingested, check, ingest
from isogloss.corpus.ingest.describe import describe_table

__all__ = ["Ingested", "check", "describe_table", "ingest"]
