"""What all tests need."""

import os

import numpy as np
import pandas as pd
import pytest

# Triton reads this when it is first imported, which Lightning does. Where there is a GPU, `TRITON_INTERPRET=0 pytest`
# tests the compiled kernels.
os.environ.setdefault("TRITON_INTERPRET", "1")

SPLITS = np.array(["train", "discovery", "dev", "test"])


@pytest.fixture(autouse=True)
def _a_host_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the cores of what else runs on this host, nor takes them from it."""
    monkeypatch.setenv("ISOGLOSS_LOCKS", str(tmp_path_factory.mktemp("locks")))


def _country(*, speakers: int, seed: int, utterances: int = 6, disparity: float = 0.3) -> pd.DataFrame:
    """Utterances of a square country whose south-west is served worse by `disparity`, with a speaker effect."""
    rng = np.random.default_rng(seed)
    latitude, longitude = rng.uniform(25, 49, speakers), rng.uniform(-120, -70, speakers)
    southwest = (latitude < 34) & (longitude < -95)
    rate = rng.beta(2, 18, speakers) + disparity * southwest
    split = SPLITS[rng.integers(0, len(SPLITS), speakers)]
    band = np.array(["18-29", "65+", None], dtype=object)[rng.integers(0, 3, speakers)]
    speaker = np.repeat(np.arange(speakers), utterances)
    words = rng.integers(3, 9, len(speaker))
    return pd.DataFrame(
        {
            "utterance_id": [f"u{row:05d}" for row in range(len(speaker))],
            "speaker_id": [f"s{number:04d}" for number in speaker],
            "split": split[speaker],
            "weight": 1.0,
            "words": words,
            "substitutions": rng.binomial(words, np.clip(rate, 0, 1)[speaker]),
            "deletions": 0,
            "insertions": 0,
            "latitude": latitude[speaker],
            "longitude": longitude[speaker],
            "age_band": band[speaker],
            "southwest": southwest[speaker],
        }
    )


@pytest.fixture
def country() -> pd.DataFrame:
    return _country(speakers=480, seed=3)


@pytest.fixture
def make_country():
    return _country
