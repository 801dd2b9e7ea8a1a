"""A kind of corpus: Atlas by another name."""

from pathlib import Path
from typing import Literal

import pandas as pd

from isogloss.config.components import SourceComponent
from isogloss.config.params import Params
from isogloss.config.reading import read_section
from isogloss.config.section import Section
from isogloss.corpus.atlas.build import build_atlas
from isogloss.corpus.ingest.source import CorpusSource

COMPONENT = SourceComponent(name="toy_atlas", implementation="ToyAtlas")


class Description(Section):
    kind: Literal["toy_atlas"]
    version: str
    like: str


class ToyAtlas(CorpusSource):
    def build(self, description: Path, params: Params, output: Path) -> pd.DataFrame:
        like = read_section(description, Description).like
        return build_atlas(params.atlas, params.corpus.seed, description.with_name(f"{like}.yaml"), output)
