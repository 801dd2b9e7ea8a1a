"""Kinds of corpora, one a module: `kind` in `corpora/<name>.yaml` chooses one.

A source's `COMPONENT` names its function

    build(description: Path, params: Params, output: Path) -> DataFrame | None

which reads the description, checks all of it, and writes the corpus folder whole or not at all: Lhotse's
`recordings.jsonl` and `supervisions.jsonl`, `speakers.parquet`, `zips.parquet` and `corpus.json`. What it returns is
the planted truth of a synthetic corpus; a recorded one has none.
"""
