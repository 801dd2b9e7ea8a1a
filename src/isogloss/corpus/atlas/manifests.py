"""Recordings and supervisions of Atlas as Lhotse manifests, written without Lhotse (which would bring torch)."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.corpus.atlas.jobs import Job
from isogloss.corpus.atlas.synthesis import Segments

SAMPLE_RATE = 16000
SPEAKER_ATTRIBUTES = ("split", "weight", "latitude", "longitude", "zip", "gender", "age", "age_band")
"""Columns of the speakers' table. It has neither dialect nor accent, since nobody has labelled them."""


def recordings(segments: dict[str, Segments], audio_folder: Path) -> Iterator[dict[str, Any]]:
    """The recordings in the order of their ids, one file each."""
    for recording_id in sorted(segments):
        start, count = segments[recording_id][-1]
        samples = start + count
        yield {
            "id": recording_id,
            "sources": [
                {"type": "file", "channels": [0], "source": (audio_folder / f"{recording_id}.flac").as_posix()}
            ],
            "sampling_rate": SAMPLE_RATE,
            "num_samples": samples,
            "duration": samples / SAMPLE_RATE,
            "channel_ids": [0],
        }


def supervisions(
    speakers: pd.DataFrame, jobs: Sequence[Job], segments: dict[str, Segments]
) -> Iterator[dict[str, Any]]:
    """One supervision an utterance, `<speaker_id>-<number>`, in the order of ids."""
    attributes = speakers.set_index("speaker_id")[list(SPEAKER_ATTRIBUTES)].to_dict("index")
    for job in sorted(jobs, key=lambda job: job.speaker_id):
        spoken = [
            (take.recording_id, text, segment)
            for take in job.takes
            for text, segment in zip(take.texts, segments[take.recording_id], strict=True)
        ]
        for number, (recording_id, text, (start, count)) in enumerate(spoken):
            yield {
                "id": f"{job.speaker_id}-{number:03d}",
                "recording_id": recording_id,
                "start": start / SAMPLE_RATE,
                "duration": count / SAMPLE_RATE,
                "channel": 0,
                "text": text,
                "speaker": job.speaker_id,
                "custom": attributes[job.speaker_id],
            }


def write_jsonl(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """One line of JSON a row."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
