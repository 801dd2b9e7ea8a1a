"""A tiny corpus made by hand: two files, four utterances, three speakers, one of them without a position."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from isogloss.corpus.description import TableDescription

Row = dict[str, Any]

ROWS: list[Row] = [
    {
        "utt": "007",
        "who": "01",
        "file": "audio/a.wav",
        "begin": 0,
        "length": 8000,
        "words": "PLAY Bear’s song!",
        "lat": 40.5,
        "lon": -75.25,
        "postcode": "00501",
        "band": "adult",
    },
    {"utt": "008", "who": "01", "file": "audio/a.wav", "begin": 8000, "length": 4000, "words": "turn  it up"},
    {
        "utt": "009",
        "who": "02",
        "file": "audio/a.wav",
        "begin": 12000,
        "length": 4000,
        "words": "stop",
        "lat": 33,
        "lon": -90,
    },
    {"utt": "010", "who": "03", "file": "audio/b.flac", "begin": 0, "words": "good night", "band": "child"},
]
FIELDS = ["utt", "who", "file", "begin", "length", "words", "lat", "lon", "postcode", "band"]


def sound(samples: int, seed: int) -> np.ndarray:
    """Noise that tells one stretch from another; exact in 16 bits."""
    return np.random.default_rng(seed).integers(-9000, 9000, samples).astype(np.int16)


def write_table(path: Path, rows: list[Row]) -> Path:
    """Rows in the format that the suffix names; None and absent keys become empty cells, nulls or absent keys."""
    if path.suffix == ".parquet":
        pd.DataFrame([{f: row.get(f) for f in FIELDS} for row in rows]).convert_dtypes().to_parquet(path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps({k: v for k, v in row.items() if v is not None}) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The audio of the tiny corpus: one second at 16 kHz, half a second at 22.05 kHz."""
    root = tmp_path / "tiny"
    (root / "audio").mkdir(parents=True)
    soundfile.write(root / "audio/a.wav", sound(16000, 1), 16000)
    soundfile.write(root / "audio/b.flac", sound(11025, 2), 22050)
    return root


@pytest.fixture
def rows() -> list[Row]:
    """The rows of the tiny corpus, free to be changed."""
    return [dict(row) for row in ROWS]


@pytest.fixture
def describe(folder: Path) -> Callable[..., TableDescription]:
    """Write rows as a table and describe it; keyword arguments change the description."""

    def make(rows: list[Row], *, suffix: str = ".csv", **changes: Any) -> TableDescription:
        table = write_table(folder / f"table{suffix}", rows)
        content: dict[str, Any] = {
            "kind": "table",
            "root": str(folder),
            "table": table.name,
            "columns": {
                "audio": "file",
                "text": "words",
                "speaker_id": "who",
                "utterance_id": "utt",
                "start": "begin",
                "duration": "length",
            },
            "unit": "samples",
            "attributes": {"latitude": "lat", "longitude": "lon", "zip": "postcode", "age_band": "band"},
        }
        return TableDescription.model_validate(content | changes)

    return make
