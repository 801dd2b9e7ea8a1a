"""Tables of a recogniser's results as somebody might bring them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isogloss.config import StatisticsParams

QUICK = StatisticsParams(resamples=200, permutations=400)


def results(*, speakers: int = 60, utterances: int = 4, worst: str = "north", seed: int = 1) -> pd.DataFrame:
    """Some speakers' utterances; those of the value `worst` of `part` are recognised badly."""
    rng = np.random.default_rng(seed)
    rows = []
    for speaker in range(speakers):
        part = ("north", "south", "west")[speaker % 3]
        latitude = {"north": 46.0, "south": 32.0, "west": 39.0}[part] + rng.uniform(-1, 1)
        longitude = {"north": -95.0, "south": -95.0, "west": -112.0}[part] + rng.uniform(-1, 1)
        for number in range(utterances):
            words = [f"w{rng.integers(50)}" for _ in range(8)]
            wrong = rng.random(8) < (0.4 if part == worst else 0.1)
            hyp = ["x" if bad else word for word, bad in zip(words, wrong, strict=True)]
            rows.append(
                {
                    "utterance_id": f"s{speaker:03d}-{number}",
                    "speaker_id": f"s{speaker:03d}",
                    "ref": " ".join(words),
                    "hyp": " ".join(hyp),
                    "part": part,
                    "gender": "fm"[speaker % 2],
                    "latitude": round(latitude, 3),
                    "longitude": round(longitude, 3),
                    "zip": f"0{1000 + speaker % 10}",
                }
            )
    return pd.DataFrame(rows)


class Threads(ThreadPoolExecutor):
    """In place of processes, which take seconds to start."""

    def __init__(self, workers, mp_context):
        super().__init__(workers)


@pytest.fixture
def threads() -> type[Threads]:
    return Threads


@pytest.fixture
def table() -> pd.DataFrame:
    return results()


@pytest.fixture
def make() -> Callable[..., pd.DataFrame]:
    return results


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write a table under a name whose suffix says how."""

    def write(frame: pd.DataFrame, name: str = "results.csv") -> Path:
        path = tmp_path / name
        match path.suffix:
            case ".csv":
                frame.to_csv(path, index=False)
            case ".tsv":
                frame.to_csv(path, index=False, sep="\t")
            case ".jsonl":
                frame.to_json(path, orient="records", lines=True)
            case _:
                frame.to_parquet(path)
        return path

    return write


@pytest.fixture
def quick() -> StatisticsParams:
    return QUICK
