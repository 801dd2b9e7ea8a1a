"""Writing utterances and their audio as the files of a corpus folder, in the same way for every source.

- `recordings.jsonl`, `supervisions.jsonl`: uncompressed Lhotse manifests (compressed ones carry a time), written
  without Lhotse: its import brings torch, and its `to_dict` copies deeply
- `speakers.parquet`: one row a speaker, `SPEAKER_COLUMNS` and further attributes; empty where not known, or
  where the
  speaker's utterances contradict each other
- `zips.parquet`: what the description's table of ZIPs says of the corpus' own; empty without one
- `corpus.json`: the source and the root of its audio; and that speakers or transcripts are not known, where that is so
- `left_out.txt`: a sentence about each utterance that cannot be used, where the description leaves those out
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.corpus.description import NUMERIC_ATTRIBUTES, TableDescription
from isogloss.corpus.ingest.audio import AudioHeader
from isogloss.corpus.ingest.content import Channel
from isogloss.corpus.ingest.ingested import Ingested
from isogloss.corpus.ingest.spans import Span
from isogloss.corpus.ingest.utterances import Utterance
from isogloss.tables import METADATA_COLUMNS, atomic_folder, conform, write_json, write_parquet

SPEAKER_COLUMNS = {
    name: METADATA_COLUMNS[name]
    for name in ("speaker_id", "split", "weight", "latitude", "longitude", "zip", "gender", "age", "accent")
}


def write_corpus(output: Path, ingested: Ingested, description: TableDescription, *, source: str) -> None:
    """Write a corpus folder atomically; an older one is replaced."""
    about: dict[str, Any] = {"source": source, "audio_root": description.audio_root or description.root}
    about |= {"speakers": "unknown"} if description.columns.speaker_id is None else {}
    about |= {"transcripts": "none"} if description.columns.text is None else {}
    headers = ingested.headers
    rows = zip(ingested.utterances, ingested.spans, ingested.channels, strict=True)
    with atomic_folder(output) as folder:
        _write_lines(folder / "recordings.jsonl", (_recording(audio, headers[audio]) for audio in headers))
        _write_lines(
            folder / "supervisions.jsonl",
            (_supervision(u, span, _channels(channel, headers[u.audio])) for u, span, channel in rows),
        )
        write_parquet(speaker_table(ingested.utterances), folder / "speakers.parquet")
        write_parquet(ingested.zips, folder / "zips.parquet")
        write_json(about, folder / "corpus.json")
        if description.skip_bad:
            lines = "".join(f"{sentence}\n" for sentence in ingested.left_out)
            (folder / "left_out.txt").write_text(lines, encoding="utf-8")


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
    further = {name: "float64" if name in NUMERIC_ATTRIBUTES else "str" for name in sorted(names - {*SPEAKER_COLUMNS})}
    return conform(table, SPEAKER_COLUMNS | further, where="speakers.parquet")


def _agreed(values: set[Any] | None) -> Any:
    """The one value that all utterances of a speaker give, or None."""
    return next(iter(values)) if values is not None and len(values) == 1 else None


def _split_entry(utterance: Utterance) -> dict[str, str | float]:
    """The split as an attribute, if the corpus has one."""
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


def _channels(channel: Channel, header: AudioHeader) -> int | list[int]:
    """A channel as Lhotse writes it: its number, or the numbers of those that are averaged."""
    return channel if isinstance(channel, int) else list(range(header.channels))


def _supervision(utterance: Utterance, span: Span, channel: int | list[int]) -> dict[str, Any]:
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
