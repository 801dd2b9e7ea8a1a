"""Utterances and their audio become the files of a corpus folder, the same for every source.

- `recordings.jsonl`, `supervisions.jsonl`: uncompressed Lhotse manifests (compressed ones carry a time), written
  without Lhotse: its import brings torch, and its `to_dict` copies deeply
- `speakers.parquet`: one row a speaker, `SPEAKER_COLUMNS` and further attributes; empty where not known, or
  where the
  speaker's utterances contradict each other
- `zips.parquet`: what the description's table of ZIPs says of the corpus' own; empty without one
- `corpus.json`: the source and the root of its audio
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.corpus.ingest.audio import AudioHeader
from isogloss.corpus.ingest.spans import Span
from isogloss.corpus.ingest.utterances import Utterance
from isogloss.tables import METADATA_COLUMNS, atomic_folder, conform, write_json, write_parquet

SPEAKER_COLUMNS = {
    name: METADATA_COLUMNS[name]
    for name in ("speaker_id", "split", "weight", "latitude", "longitude", "zip", "gender", "age", "accent")
}


def write_corpus(
    output: Path,
    utterances: list[Utterance],
    spans: list[Span],
    headers: dict[str, AudioHeader],
    zips: pd.DataFrame,
    *,
    channel: int,
    source: str,
    audio_root: str,
) -> None:
    """Write a corpus folder, whole or not at all; an older one is replaced."""
    with atomic_folder(output) as folder:
        _write_lines(folder / "recordings.jsonl", (_recording(audio, headers[audio]) for audio in headers))
        _write_lines(
            folder / "supervisions.jsonl",
            (_supervision(u, span, channel) for u, span in zip(utterances, spans, strict=True)),
        )
        write_parquet(speaker_table(utterances), folder / "speakers.parquet")
        write_parquet(zips, folder / "zips.parquet")
        write_json({"source": source, "audio_root": audio_root}, folder / "corpus.json")


def speaker_table(utterances: list[Utterance]) -> pd.DataFrame:
    """One row a speaker, in the order of their ids."""
    values: dict[str, dict[str, set[Any]]] = {}
    for utterance in utterances:
        of_speaker = values.setdefault(utterance.speaker_id, {})
        for name, value in (utterance.attributes | _split_entry(utterance)).items():
            of_speaker.setdefault(name, set()).add(value)
    names = {*SPEAKER_COLUMNS, *(name for of_speaker in values.values() for name in of_speaker)} - {"speaker_id"}
    rows = [
        {"speaker_id": speaker, **{name: _agreed(values[speaker].get(name)) for name in sorted(names)}}
        for speaker in sorted(values)
    ]
    table = pd.DataFrame(rows).fillna({"weight": 1.0})
    further = dict.fromkeys(sorted(names - {*SPEAKER_COLUMNS}), "str")
    return conform(table, SPEAKER_COLUMNS | further, where="speakers.parquet")


def _agreed(values: set[Any] | None) -> Any:
    """The one value that all utterances of a speaker give, or None."""
    return next(iter(values)) if values is not None and len(values) == 1 else None


def _split_entry(utterance: Utterance) -> dict[str, str | float]:
    """The split as an attribute, where the corpus brings one."""
    return {"split": utterance.split} if utterance.split else {}


def _recording(audio: str, header: AudioHeader) -> dict[str, Any]:
    """The manifest line of an audio file."""
    channels = list(range(header.channels))
    return {
        "id": audio,
        "sources": [{"type": "file", "channels": channels, "source": audio}],
        "sampling_rate": header.sampling_rate,
        "num_samples": header.num_samples,
        "duration": header.num_samples / header.sampling_rate,
        "channel_ids": channels,
    }


def _supervision(utterance: Utterance, span: Span, channel: int) -> dict[str, Any]:
    """The manifest line of an utterance; the weight is 1 where the corpus gives none."""
    known = {"weight": 1.0} | utterance.attributes | _split_entry(utterance)
    return {
        "id": utterance.utterance_id,
        "recording_id": utterance.audio,
        "start": span.start,
        "duration": span.duration,
        "channel": channel,
        "text": utterance.text,
        "speaker": utterance.speaker_id,
        "custom": dict(sorted(known.items())),
    }


def _write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """One JSON object a line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
