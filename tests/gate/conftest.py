"""Transcripts of a baseline and of candidates, whose errors are planted."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

WORDS = 20
QUICK = {"resamples": 400, "permutations": 400}


def transcripts(rates: Mapping[str, float], *, seed: int, speakers: int = 40, utterances: int = 6) -> pd.DataFrame:
    """Utterances of `speakers` speakers in each cohort, whose words are wrong at the cohort's rate.

    Speakers and references are the same for every seed; a speaker's rate varies a little.
    """
    rng, words = np.random.default_rng(seed), [f"w{number}" for number in range(WORDS)]
    rows = []
    for cohort, rate in rates.items():
        for speaker in range(speakers):
            own = rate * rng.uniform(0.8, 1.2)
            for number in range(utterances):
                wrong = rng.random(WORDS) < own
                hyp = ["x" if bad else word for word, bad in zip(words, wrong, strict=True)]
                name = f"{cohort}{speaker:02d}"
                rows.append((f"{name}-{number}", name, cohort, " ".join(words), " ".join(hyp)))
    return pd.DataFrame(rows, columns=["utterance_id", "speaker_id", "part", "ref", "hyp"])


@pytest.fixture
def make() -> Callable[..., pd.DataFrame]:
    return transcripts


@pytest.fixture
def gate_file(tmp_path: Path) -> Callable[..., Path]:
    """Write two tables and a gate.yaml (JSON is YAML)."""

    def write(baseline: pd.DataFrame, candidate: pd.DataFrame, /, **options: Any) -> Path:
        baseline.to_csv(tmp_path / "base.csv", index=False)
        candidate.to_csv(tmp_path / "new.csv", index=False)
        content = {"baseline": "base.csv", "candidate": "new.csv", "margin": {"relative": 0.25}, "statistics": QUICK}
        path = tmp_path / "gate.yaml"
        path.write_text(json.dumps({**content, "cohorts": ["part"], **options}), encoding="utf-8")
        return path

    return write
