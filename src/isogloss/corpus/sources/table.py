"""A table of recorded speech (CSV, TSV, JSONL or parquet) beside its audio, one row an utterance."""

from pathlib import Path

from isogloss.config.components import SourceComponent
from isogloss.config.params import Params
from isogloss.config.reading import read_section
from isogloss.corpus.description import TableDescription
from isogloss.corpus.ingest import ingest

COMPONENT = SourceComponent(name="table", implementation="build")


def build(description: Path, params: Params, output: Path) -> None:
    """Check the table and its audio, and write the corpus. No truth is known."""
    print(ingest(read_section(description, TableDescription), output, source=description.stem))
