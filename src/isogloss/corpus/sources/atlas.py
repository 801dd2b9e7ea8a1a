"""Atlas, the embedded corpus: a synthetic United States with dialects that are known."""

from pathlib import Path

import pandas as pd

from isogloss.config.components import SourceComponent
from isogloss.config.params import Params
from isogloss.corpus.atlas.build import build_atlas

COMPONENT = SourceComponent(name="atlas", implementation="build")


def build(description: Path, params: Params, output: Path) -> pd.DataFrame:
    """Synthesise the corpus; sections `corpus` and `atlas` of params are read. Returns the planted dialects."""
    return build_atlas(params.atlas, params.corpus.seed, description, output)
