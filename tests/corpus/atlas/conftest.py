from pathlib import Path

import pytest

from isogloss.config import AtlasParams
from isogloss.corpus.atlas.build import build_atlas
from isogloss.corpus.atlas.description import read_description

SHIPPED = Path(__file__).parents[3] / "corpora" / "atlas.yaml"


@pytest.fixture(scope="session")
def shipped_path():
    return SHIPPED


@pytest.fixture(scope="session")
def description():
    return read_description(SHIPPED)


@pytest.fixture(scope="session")
def tiny_params():
    return AtlasParams(
        train_speakers=20,
        adapt_speakers=20,
        discovery_speakers=10,
        dev_speakers=10,
        test_speakers=10,
        train_utterances=2,
        adapt_utterances=1,
        held_out_utterances=1,
    )


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, tiny_params):
    """A repository with the smallest corpus that the shipped description allows, and its planted truth."""
    root = tmp_path_factory.mktemp("repository")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        planted = build_atlas(tiny_params, 1, SHIPPED, "data/corpus", workers=2)
    return root, planted
