"""Utterances of a few speakers: noise whose level wanders, between two silences."""

import numpy as np
import pytest
import soundfile
from lhotse import MonoCut, Recording, SupervisionSegment

RATE = 16_000


def write_utterances(folder, *, speakers, utterances=3):
    """Cuts of 0.8 to 1.4 s of sound with 0.3 s of silence around it."""
    cuts = []
    for speaker in range(speakers):
        for number in range(utterances):
            rng = np.random.default_rng([speaker, number])
            sound_N = np.zeros(int(rng.uniform(1.4, 2.0) * RATE), dtype=np.float32)
            inner_N = sound_N[int(0.3 * RATE) : -int(0.3 * RATE)]
            inner_N += 0.1 * rng.standard_normal(len(inner_N)) * (1.2 + np.sin(np.arange(len(inner_N)) / 900 * speaker))
            name = f"speaker-{speaker}-{number}"
            soundfile.write(folder / f"{name}.wav", sound_N, RATE)
            recording = Recording.from_file(folder / f"{name}.wav", recording_id=name)
            said = SupervisionSegment(
                id=name,
                recording_id=name,
                start=0.0,
                duration=recording.duration,
                text=["ab", "ab cd", "d ca b"][number % 3],
                speaker=f"speaker-{speaker}",
            )
            cuts.append(
                MonoCut(id=name, start=0.0, duration=recording.duration, channel=0, recording=recording).drop_features()
            )
            cuts[-1].supervisions = [said]
    return cuts


@pytest.fixture(scope="session")
def utterances(tmp_path_factory):
    return write_utterances(tmp_path_factory.mktemp("utterances"), speakers=4)
