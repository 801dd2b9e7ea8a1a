"""Mozilla Common Voice as distributed: a TSV per part, clips as MP3 in a folder beside it.

Quotes are ordinary characters in these files. A speaker is a `client_id`; ages are words (twenties), so they are kept
as `age_band`.
"""

from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import Column, Columns, RecordedCorpus, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.records import Records
from isogloss.corpus.ingest.source import PART, Options, RecordedSource, as_table, checksums, official_values
from isogloss.errors import ParamsError, TableError
from isogloss.io.cells import cells
from isogloss.io.source import Source
from isogloss.io.table_reader import read_table

COMPONENT = SourceComponent(name="commonvoice", implementation="CommonVoice")
COLUMNS = ("client_id", "path", "sentence")
ATTRIBUTES = {"accent": ("accents", "accent"), "age_band": ("age",), "gender": ("gender",), "variant": ("variant",)}
"""Our name of an attribute -> the names of its column in releases."""


class CommonVoiceDescription(RecordedCorpus):
    """One locale of Common Voice."""

    kind: Literal["commonvoice"]
    tables: list[Column]
    """Paths of the TSV files, relative to `root`; the name of a file is the part of its utterances."""


class CommonVoice(RecordedSource):
    """A TSV of Common Voice, or the folder of a locale."""

    title = "Mozilla Common Voice"
    description = CommonVoiceDescription
    takes = frozenset({"audio_root", "attributes", "official_splits"})

    def recognises(self, location: Path) -> bool:
        """A TSV with its columns, or a folder that holds one."""
        return bool(_tables(location))

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The tables with checksums, the folder of clips, and the attributes that the release has."""
        tables = _tables(location, official=options.official_splits)
        if not tables:
            raise ParamsError(f"{location}: there is no TSV of Common Voice ({', '.join(COLUMNS)})")
        root = tables[0].parent
        names = set(read_table(tables[0]).names)
        attributes = {ours: next((n for n in theirs if n in names), None) for ours, theirs in ATTRIBUTES.items()}
        content: dict[str, Any] = {
            "root": portable_root(root, options.repository),
            "audio_root": portable_root(options.audio_root or root / "clips", options.repository),
            "files": checksums(root, tables),
            "tables": [table.name for table in tables],
            "attributes": {ours: name for ours, name in attributes.items() if name} | dict(options.attributes),
        }
        if options.official_splits:
            content["split"] = {"column": PART, "values": official_values([table.stem for table in tables])}
        return content

    def read(self, description: CommonVoiceDescription, root: Path) -> tuple[Source, TableDescription]:
        """The rows of all tables."""
        records = Records(root)
        for name in description.tables:
            table = read_table(root / name, count="lines", columns=COLUMNS)
            columns = {column: cells(table, column) for column in table.names}
            lines = table.numbers() if table.numbers is not None else range(2, table.rows + 2)
            for row, line in enumerate(lines):
                record = {column: values[row] for column, values in columns.items()}
                records.add(root / name, int(line), record | {PART: Path(name).stem})
        form = Columns(audio="path", text="sentence", speaker_id="client_id", utterance_id="path")
        return records.table(), as_table(description, form)


def _tables(location: Path, *, official: bool = False) -> list[Path]:
    """The TSV itself; of a folder, its parts if their splits are official, else `validated.tsv`, which has all clips.

    A folder with only one of the two gives what it has.
    """
    if not location.is_dir():
        return [location] if _has_columns(location) else []
    validated = [location / "validated.tsv"]
    parts = [location / f"{part}.tsv" for part in ("train", "dev", "test")]
    preferred, other = (parts, validated) if official else (validated, parts)
    return [path for path in preferred if _has_columns(path)] or [path for path in other if _has_columns(path)]


def _has_columns(path: Path) -> bool:
    """Whether a file is a TSV with the columns of Common Voice."""
    if path.suffix.lower() != ".tsv" or not path.is_file():
        return False
    try:
        return set(COLUMNS) <= set(read_table(path).names)
    except TableError:
        return False
