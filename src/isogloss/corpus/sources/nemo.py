"""A manifest of NVIDIA NeMo: JSONL with `audio_filepath`, `duration`, perhaps `offset`, `text` and `speaker`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import KNOWN_ATTRIBUTES, Column, Columns, RecordedCorpus, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.attributes import with_age_band
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
    takes = frozenset({"audio_root", "columns", "attributes"})

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
        told = dict(options.columns)
        wanted = [told.get("audio", AUDIO), told.get("text", "text")]
        source = read_table(location, columns=[name for name in wanted if name is not None])
        root = location.parent
        speaker = next((name for name in ("speaker", "speaker_id", "spk_id") if name in source.names), None)
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
        found = with_age_band(found, cells(source, "age") if "age" in found else [], options.attributes)
        paths = [cell for cell in cells(source, told.get("audio") or AUDIO) if isinstance(cell, str)]
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
        """The lines of the manifest; where some give an offset, it is 0 in the others, as NeMo reads them."""
        table = read_table(root / description.manifest, count="lines")
        start = description.columns.start
        if start in table.names:
            given = table.values

            def values(name: str) -> list[Any]:
                return [0 if name == start and cell is None else cell for cell in given(name)]

            table = replace(table, values=values)
        return table, as_table(description, description.columns)
