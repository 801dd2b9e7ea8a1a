"""Kinds of corpora, one a module: `kind` in `corpora/<name>.yaml` chooses one.

A source's `COMPONENT` names its class. A synthetic corpus is a `CorpusSource` of `isogloss.corpus.ingest.source`, which
builds the corpus folder itself: Lhotse's `recordings.jsonl` and `supervisions.jsonl`, `speakers.parquet`,
`zips.parquet` and `corpus.json`. A recorded one is a `RecordedSource` of the same module, which reads its files as a
table of utterances; checks and files are then the same for all kinds.
"""
