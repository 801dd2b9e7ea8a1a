"""Atlas, the embedded corpus: a synthetic United States with dialects that are known."""

from pathlib import Path

import pandas as pd

from isogloss.config.components import SourceComponent
from isogloss.config.params import Params
from isogloss.corpus.atlas.build import build_atlas
from isogloss.corpus.ingest.source import CorpusSource

COMPONENT = SourceComponent(name="atlas", implementation="Atlas")


class Atlas(CorpusSource):
    """The corpus that is synthesised."""

    def build(self, description: Path, params: Params, output: Path) -> pd.DataFrame:
        """Synthesise the corpus; sections `corpus` and `atlas` of params are read. Returns the planted dialects."""
        return build_atlas(params.atlas, params.corpus.seed, description, output)
