"""A table of recorded speech (CSV, TSV, JSON, JSONL, parquet, xlsx) beside its audio, one row an utterance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import KNOWN_ATTRIBUTES, Columns, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.attributes import with_age_band
from isogloss.corpus.ingest.folders import common_folder
from isogloss.corpus.ingest.source import Options, RecordedSource, official_values
from isogloss.errors import ParamsError, TableError
from isogloss.io.cells import cells
from isogloss.io.source import Source, checksum
from isogloss.io.table_reader import SUFFIXES, read_table
from isogloss.tables import require_columns

COMPONENT = SourceComponent(name="table", implementation="Table")
OTHER_NAMES = {
    "audio": ("audio_path", "audio_filepath", "file", "filename", "file_name", "path", "wav"),
    "text": ("transcript", "transcription", "sentence", "ref", "reference", "normalized_text"),
    "speaker_id": ("speaker", "spk", "spk_id", "client_id", "user_id"),
    "utterance_id": ("utt_id", "utt", "id"),
    "start": ("offset", "start_s", "start_time"),
    "duration": ("duration_s", "num_samples"),
    "channel": ("channel_id",),
}
"""Our name of a column -> common names of it, which are tried if the table has no column of our name."""
NEEDED = ("audio", "text", "speaker_id")


class Table(RecordedSource):
    """A table with one row per utterance; its columns are found by their names, or given by the user."""

    title = "a table with a row an utterance"
    description = TableDescription
    takes = frozenset(
        {"root", "audio_root", "columns", "attributes", "speakers", "unit", "sample_rate", "official_splits"}
    )
    generic = True

    def recognises(self, location: Path) -> bool:
        """Any file with the suffix of a table."""
        name = location.name.lower().removesuffix(".gz")
        return not location.is_dir() and name.endswith(SUFFIXES)

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The table with its checksum, its columns and attributes."""
        root = location.parent if options.root is None else options.root
        source = read_table(location)
        columns = _columns(source, options.columns)
        content: dict[str, Any] = {
            "root": portable_root(root, options.repository),
            "audio_root": _audio_root(source, columns, root, options),
            "table": _below(root, location),
            "sha256": checksum(location),
            "columns": columns,
            "unit": options.unit,
            "sample_rate": options.sample_rate,
            "channel": options.channel,
        }
        content["attributes"] = _attributes(source, options.attributes, lacking_is_an_error=options.speakers is None)
        if options.speakers is not None:
            content |= _speaker_table(root, options.speakers, content, options.attributes)
        if options.official_splits:
            content["split"] = _official(source)
        return content

    def read(self, description: TableDescription, root: Path) -> tuple[Source, TableDescription]:
        """The table as it is; absolute paths below the audio root become relative ones."""
        return read_table(root / description.table, count="lines", sha256=description.sha256), description


def _columns(source: Source, told: Mapping[str, str | None]) -> dict[str, str | None]:
    """The columns section: columns that the user gives, those with our names, and those with common names."""
    for role in told:
        if role not in Columns.model_fields:
            raise ParamsError(f"unknown column role {role!r}; known are {', '.join(Columns.model_fields)}")
    lowered = {name.lower(): name for name in source.names}
    chosen: dict[str, str | None] = {}
    for role in Columns.model_fields:
        names = [lowered[name] for name in (role, *OTHER_NAMES[role]) if name in lowered]
        found = next((name for name in names if name not in chosen.values()), None)
        if role in told or found is not None:
            chosen[role] = told.get(role, found)
    wanted = [chosen.get(role, role) for role in NEEDED] + list(told.values())
    if "speaker_id" not in chosen:
        _require(source, [name for name in wanted if name not in (None, "speaker_id")])
        raise TableError(
            f"{source.path}: column 'speaker_id' is missing; it has {', '.join(source.names)}; name it by "
            "--speaker-id, or say --without-speakers, where each utterance counts as a speaker of its own"
        )
    _require(source, [name for name in wanted if name is not None])
    return chosen


def _require(source: Source, names: list[str]) -> None:
    """Raise a `TableError` for the first column that the table lacks."""
    require_columns(pd.DataFrame(columns=source.names), names, where=str(source.path))


def _audio_root(source: Source, columns: Mapping[str, str | None], root: Path, options: Options) -> str | None:
    """The folder of the audio if it is not the root: the user's, or the common folder of absolute paths."""
    if options.audio_root is not None:
        return portable_root(options.audio_root, options.repository)
    column = columns["audio"] or "audio"
    if isinstance(next((cell for cell in source.values(column) if cell is not None), None), dict | bytes):
        raise TableError(
            f"{source.path}: column {column!r} holds audio itself; write it to files, and give their paths in the table"
        )
    paths = [cell for cell in cells(source, column) if isinstance(cell, str)]
    common = common_folder(paths, root)
    return None if common is None else portable_root(common, options.repository)


def _attributes(source: Source, told: Mapping[str, str], *, lacking_is_an_error: bool) -> dict[str, str]:
    """The attributes that a table has: known ones by name, further ones by the user; ages in words are age bands."""
    if lacking_is_an_error:
        _require(source, list(told.values()))
    wanted = {name: name for name in KNOWN_ATTRIBUTES} | dict(told)
    found = {name: column for name, column in wanted.items() if column in source.names}
    return with_age_band(found, cells(source, "age") if "age" in source.names else [], told)


def _official(source: Source) -> dict[str, Any]:
    """The split section from the table's own column `split`."""
    _require(source, ["split"])
    values = dict.fromkeys(str(cell) for cell in cells(source, "split") if cell is not None)
    return {"column": "split", "values": official_values(values)}


def _speaker_table(root: Path, speakers: Path, content: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    """The speakers section, and the attributes that are left to the table of utterances."""
    source = read_table(speakers)
    speaker_id = content["columns"]["speaker_id"]
    own_id = speaker_id if speaker_id in source.names else "speaker_id"
    _require(source, [own_id])
    of_speakers = _attributes(source, told, lacking_is_an_error=False)
    of_utterances = {name: column for name, column in content["attributes"].items() if name not in of_speakers}
    for name, column in told.items():
        if name not in of_speakers and name not in of_utterances:
            raise ParamsError(f"attribute {name!r}: neither table has a column {column!r}")
    if not of_speakers:
        raise ParamsError(f"{speakers} has no column that is an attribute; name one, or leave the table out")
    section = {"table": _below(root, speakers), "speaker_id": own_id, "sha256": checksum(speakers)}
    return {"attributes": of_utterances, "speakers": section | {"attributes": of_speakers}}


def _below(root: Path, table: Path) -> str:
    """A table's path relative to the root."""
    resolved, folder = table.resolve(), root.resolve()
    if not resolved.is_relative_to(folder):
        raise ParamsError(f"{table} is not below root {root}; choose a root that holds tables and audio")
    return resolved.relative_to(folder).as_posix()
