"""CORAAL (Kendall and Farrington) as distributed: long interviews, a text file each with a line a stretch of speech.

Interviewers are left out, since they are not the people the corpus is about; so are pauses and stretches that could not
be understood. What stands in <> or () is no word; the marks of overlaps and of uncertain words are taken away.
"""

import re
from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import RecordedCorpus, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.records import Records, decimal
from isogloss.corpus.ingest.source import Options, RecordedSource, as_table, checksums
from isogloss.errors import TableError
from isogloss.io.cells import Cell, cells
from isogloss.io.source import Source

COMPONENT = SourceComponent(name="coraal", implementation="Coraal")
TEXT_COLUMNS = ("Line", "Spkr", "StTime", "Content", "EnTime")
META_COLUMNS = ("CORAAL.Spkr", "Gender")
ATTRIBUTES = {
    "gender": "Gender",
    "age": "Age",
    "age_band": "Age.Group",
    "education_group": "Edu.Group",
    "region": "region",
}
"""Our name of an attribute -> its column in the metadata; `region` is the component: DCB, ATL, ROC."""
_NOT_SPOKEN = re.compile(r"<[^<>]*>|\([^()]*\)")
_NOT_UNDERSTOOD = re.compile(r"/(?:unintelligible|inaudible|\?+|RD-[^/]*)/", re.IGNORECASE)
_MARKS = re.compile(r"[\[\]/]")


class CoraalDescription(RecordedCorpus):
    """One or several components of CORAAL."""

    kind: Literal["coraal"]


class Coraal(RecordedSource):
    """A folder with text files, audio and metadata anywhere below it."""

    title = "CORAAL"
    description = CoraalDescription
    takes = frozenset({"attributes"})

    def recognises(self, location: Path) -> bool:
        """A folder with metadata of CORAAL below it."""
        return location.is_dir() and bool(_metadata(location))

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The folder with checksums of metadata and text files, and the attributes that are known."""
        metadata = _metadata(location)
        columns = {name for path in metadata for name in _open(path).names} | {"region"}
        return {
            "root": portable_root(location, options.repository),
            "files": checksums(location, [*metadata, *_text_files(location)]),
            "channel": options.channel,
            "attributes": {ours: name for ours, name in ATTRIBUTES.items() if name in columns}
            | dict(options.attributes),
        }

    def read(self, description: CoraalDescription, root: Path) -> tuple[Source, TableDescription]:
        """One row a line of an interview that its primary speaker says."""
        people: dict[str, dict[str, Cell]] = {}
        for path in _metadata(root):
            people |= _people(path)
        audio = {path.stem: path for path in sorted(root.rglob("*.wav"))}
        records = Records(root)
        for path in _text_files(root):
            if path.stem not in audio:
                raise TableError(f"{path}: there is no {path.stem}.wav below {root}; unpack its audio there")
            _add_interview(records, path, audio[path.stem].relative_to(root).as_posix(), people)
        return records.table(), as_table(description)


def _add_interview(records: Records, path: Path, audio: str, people: dict[str, dict[str, Cell]]) -> None:
    """The stretches of one interview that are spoken by people of the metadata."""
    table = _open(path)
    columns = {name: cells(table, name) for name in TEXT_COLUMNS}
    for row in range(table.rows):
        speaker, line = str(columns["Spkr"][row] or ""), row + 2
        said = str(columns["Content"][row] or "")
        text = " ".join(_MARKS.sub(" ", _NOT_SPOKEN.sub(" ", said)).split())
        if speaker not in people or not text or _NOT_UNDERSTOOD.search(said):
            continue
        where = f"{path}, line {line}"
        start, end = (decimal(str(columns[name][row]), f"{where}: {name}") for name in ("StTime", "EnTime"))
        record = {
            "utterance_id": f"{path.stem}-{columns['Line'][row]}",
            "speaker_id": speaker,
            "audio": audio,
            "text": text,
            "start": start,
            "duration": round(end - start, 6),
        }
        records.add(path, line, record | people[speaker])


def _people(path: Path) -> dict[str, dict[str, Cell]]:
    """What the metadata says of each speaker; the component is the first part of a speaker's name."""
    table = _open(path)
    columns = {name: cells(table, name) for name in table.names}
    people: dict[str, dict[str, Cell]] = {}
    for row, speaker in enumerate(columns["CORAAL.Spkr"]):
        known = {name: values[row] for name, values in columns.items() if name in ATTRIBUTES.values()}
        known = {name: None if value in ("N/A", "NA", "-") else value for name, value in known.items()}
        people[str(speaker)] = known | {"region": str(speaker).split("_")[0]}
    return people


def _metadata(folder: Path) -> list[Path]:
    """The tables of speakers below a folder."""
    return [path for path in sorted(folder.rglob("*metadata*.txt")) if _has(path, META_COLUMNS)]


def _text_files(folder: Path) -> list[Path]:
    """The text files of interviews below a folder."""
    named = (path for path in sorted(folder.rglob("*.txt")) if "metadata" not in path.name)
    return [path for path in named if _has(path, TEXT_COLUMNS)]


def _has(path: Path, columns: tuple[str, ...]) -> bool:
    """Whether a file is a table separated by tabs that has some columns."""
    try:
        return set(columns) <= set(_open(path).names)
    except TableError:
        return False


def _open(path: Path) -> Source:
    """A table separated by tabs, whatever its name ends in."""
    from isogloss.io.separated import open_separated

    return open_separated(path, separator="\t", lines=True)
