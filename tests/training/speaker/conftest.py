"""Prepared data of made-up voices."""

import numpy as np
import pandas as pd
import pytest
from lhotse import CutSet, LilcomChunkyWriter, MonoCut, SupervisionSegment
from lhotse.features import Features

from isogloss.tables import write_json
from isogloss.training import fitting

FILTERS = 20


def voice(rng, speaker, frames):
    """Frames of one voice: where in the spectrum energy comes and goes is the voice."""
    centre = FILTERS * ((0.618 * speaker) % 1.0)
    bump = np.exp(-0.5 * ((np.arange(FILTERS) - centre) / 1.5) ** 2)
    noise = rng.normal(size=(frames, FILTERS))
    return (noise + 4 * bump * rng.normal(size=(frames, 1))).astype(np.float32)


def stored_cut(writer, speaker, number, rng):
    """A cut of one voice whose features are on disk."""
    id_, frames = f"s{speaker}-{number}", int(rng.integers(25, 60))
    features = Features(
        type="fbank",
        num_frames=frames,
        num_features=FILTERS,
        frame_shift=0.01,
        sampling_rate=16000,
        start=0,
        duration=frames / 100,
        storage_type=writer.name,
        storage_path=str(writer.storage_path),
        storage_key=writer.write(id_, voice(rng, speaker, frames)),
        channels=0,
    )
    supervision = SupervisionSegment(id_, id_, 0, frames / 100, speaker=f"s{speaker}", text="a")
    return MonoCut(id_, 0, frames / 100, 0, supervisions=[supervision], features=features)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Prepared data of three splits with different speakers, and their metadata."""
    data, rng, rows = tmp_path_factory.mktemp("data"), np.random.default_rng(0), []
    (data / "cuts").mkdir()
    for split, speakers in (("train", range(24)), ("test", range(24, 32)), ("discovery", range(32, 40))):
        with LilcomChunkyWriter(data / split) as writer:
            cuts = [stored_cut(writer, speaker, number, rng) for speaker in speakers for number in range(3)]
        CutSet.from_cuts(cuts).to_file(data / "cuts" / f"{split}.jsonl")
        rows += [(cut.id, cut.supervisions[0].speaker, split) for cut in cuts]
    write_json({"mean": [0.0] * FILTERS, "scale": [1.0] * FILTERS}, data / "feature_statistics.json")
    return data, pd.DataFrame(rows, columns=["utterance_id", "speaker_id", "split"])


@pytest.fixture(autouse=True)
def own_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "CHECKPOINTS", tmp_path / "checkpoints")
