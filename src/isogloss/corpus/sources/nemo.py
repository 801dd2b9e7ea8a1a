"""A manifest of NVIDIA NeMo: JSONL with `audio_filepath`, `duration`, perhaps `offset`, `text` and `speaker`."""

import json
from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import KNOWN_ATTRIBUTES, Column, Columns, RecordedCorpus, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.folders import common_folder
from isogloss.corpus.ingest.records import numbered_lines
from isogloss.corpus.ingest.source import Options, RecordedSource, as_table, checksums
from isogloss.errors import IsoglossError, TableError
from isogloss.io.cells import cells
from isogloss.io.source import Source
from isogloss.io.table_reader import read_table

COMPONENT = SourceComponent(name="nemo", implementation="Nemo")
AUDIO = "audio_filepath"


class NemoDescription(RecordedCorpus):
    """A manifest of NeMo."""

    kind: Literal["nemo"]
    manifest: Column
    """Path of the manifest, relative to `root`."""
    columns: Columns
    """Keys of the manifest's lines, as columns."""


class Nemo(RecordedSource):
    """A manifest, with paths that are absolute or relative to it."""

    title = "a manifest of NeMo"
    description = NemoDescription

    def recognises(self, location: Path) -> bool:
        """A JSON or JSONL file whose first line has `audio_filepath`."""
        if location.is_dir() or not location.name.lower().removesuffix(".gz").endswith((".json", ".jsonl")):
            return False
        try:
            _, line = next(numbered_lines(location))
            first = json.loads(line)
        except (IsoglossError, StopIteration, ValueError, RecursionError):
            return False
        return isinstance(first, dict) and AUDIO in first

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The manifest with its checksum, its columns, and the folder that its paths have in common."""
        source = read_table(location, columns=[AUDIO, "text"])
        root = location.parent
        speaker = next((name for name in ("speaker", "speaker_id", "spk_id") if name in source.names), None)
        told = dict(options.columns)
        if speaker is None and "speaker_id" not in told:
            raise TableError(
                f"{location}: there is neither 'speaker' nor 'speaker_id'; name the key by --speaker-id, or say "
                "--without-speakers, where each utterance counts as a speaker of its own"
            )
        columns: dict[str, str | None] = {"audio": AUDIO, "text": "text", "speaker_id": speaker}
        columns |= {
            ours: name for ours, name in (("start", "offset"), ("duration", "duration")) if name in source.names
        }
        found = {name: name for name in KNOWN_ATTRIBUTES if name in source.names}
        paths = [cell for cell in cells(source, AUDIO) if isinstance(cell, str)]
        audio_root = options.audio_root or common_folder(paths, root)
        return {
            "root": portable_root(root, options.repository),
            "audio_root": None if audio_root is None else portable_root(audio_root, options.repository),
            "files": checksums(root, [location]),
            "manifest": location.name,
            "columns": columns | told,
            "channel": options.channel,
            "attributes": found | dict(options.attributes),
        }

    def read(self, description: NemoDescription, root: Path) -> tuple[Source, TableDescription]:
        """The lines of the manifest."""
        return read_table(root / description.manifest, count="lines"), as_table(description, description.columns)
