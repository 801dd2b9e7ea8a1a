"""The `corpus` stage: whatever `corpora/<source>.yaml` describes becomes a corpus folder."""

from pathlib import Path

import pandas as pd

from isogloss.config.components import SourceComponent
from isogloss.config.params import Params
from isogloss.config.registry import implementation
from isogloss.corpus.description import description_path, read_kind
from isogloss.tables import write_parquet

TRUTH_COLUMNS = {"speaker_id": "str", "dialect": "str", "rare": "bool"}


def build_corpus(params: Params, descriptions: Path, *, output: Path, truth: Path) -> None:
    """Build the corpus that `corpus.source` names.

    Parameters
    ----------
    params
        Section `corpus`, and what the source reads (`isogloss.corpus.sources`).
    descriptions
        Folder of the corpus descriptions.
    output
        The corpus folder: Lhotse manifests, `speakers.parquet`, `zips.parquet`, `corpus.json` and, where the corpus is
        synthesised, audio.
    truth
        Folder of `planted.parquet`, which the scoring alone may read; its table is empty for a real corpus.
    """
    source = params.corpus.source
    kind = implementation(SourceComponent, read_kind(source, descriptions))
    planted = kind().build(description_path(source, descriptions), params, output)
    if planted is None:
        planted = pd.DataFrame({column: pd.Series(dtype=dtype) for column, dtype in TRUTH_COLUMNS.items()})
    write_parquet(planted, truth / "planted.parquet")
