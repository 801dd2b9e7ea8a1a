"""Stage `corpus`: synthesise the embedded corpus or ingest a real one."""

from pathlib import Path

from isogloss.config import load_params
from isogloss.corpus.build import build_corpus
from isogloss.entry import entry


@entry
def main() -> None:
    """Build the corpus that `corpus.source` names."""
    build_corpus(load_params(), Path("corpora"), output=Path("data/corpus"), truth=Path("data/truth"))


if __name__ == "__main__":
    main()
