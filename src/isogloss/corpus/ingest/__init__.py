"""Ingest: recorded speech becomes a corpus folder of Lhotse manifests. Audio is never copied.

- `source`: the port of a corpus source; `records`: rows from several files
- `check`, `ingest`: check everything, then write; `describe`: write the description of one's own corpus
- `utterances`: rows of a table (`isogloss.io`) to utterances; `attributes`: what is known beside the words
- `letters`: text rules that fit a corpus; `summary`: what was found, and the next command
- `audio`: headers; `spans`: where utterances lie; `content`: what they hold; `writing`: the corpus folder
"""

from isogloss.corpus.ingest.corpus import check, ingest
from isogloss.corpus.ingest.describe import describe
from isogloss.corpus.ingest.ingested import Ingested

__all__ = ["Ingested", "check", "describe", "ingest"]
