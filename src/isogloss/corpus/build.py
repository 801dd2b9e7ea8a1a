"""The `corpus` stage: the embedded corpus or a table of real speech, as `corpora/<source>.yaml` says."""

from pathlib import Path

import pandas as pd

from isogloss.config import Params
from isogloss.corpus.atlas.build import build_atlas
from isogloss.corpus.description import description_path, read_kind, read_table_description
from isogloss.corpus.ingest import ingest
from isogloss.tables import write_parquet

TRUTH_COLUMNS = {"speaker_id": "str", "dialect": "str", "rare": "bool"}


def build_corpus(params: Params, descriptions: Path, *, output: Path, truth: Path) -> None:
    """Build the corpus that `corpus.source` names.

    Parameters
    ----------
    params
        Sections `corpus` and, for the embedded corpus, `atlas`.
    descriptions
        Folder of the corpus descriptions.
    output
        The corpus folder: Lhotse manifests, `speakers.parquet`, `zips.parquet`, `corpus.json` and, where the corpus is
        synthesised, audio.
    truth
        Folder of `planted.parquet`, which the scoring alone may read; its table is empty for a real corpus.
    """
    source = params.corpus.source
    planted = pd.DataFrame({column: pd.Series(dtype=dtype) for column, dtype in TRUTH_COLUMNS.items()})
    if read_kind(source, descriptions) == "atlas":
        planted = build_atlas(params.atlas, params.corpus.seed, description_path(source, descriptions), output)
    else:
        print(ingest(read_table_description(source, descriptions), output, source=source))
    write_parquet(planted, truth / "planted.parquet")
