"""EdAcc (Sanabria et al. 2023, 2303.18110) as distributed: parts in Kaldi's form, a table of linguistic backgrounds."""

import re
from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import RecordedCorpus, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.records import Records
from isogloss.corpus.ingest.source import Options, RecordedSource, as_table, checksums
from isogloss.corpus.sources.kaldi import kaldi_table
from isogloss.errors import TableError
from isogloss.io.cells import Cell, cells
from isogloss.io.source import Source
from isogloss.io.table_reader import read_table

COMPONENT = SourceComponent(name="edacc", implementation="EdAcc")
BACKGROUND = "linguistic_background.csv"
QUESTIONS = {
    "gender": "what is your gender",
    "ethnicity": "ethnic background",
    "education": "level of education",
    "accent": "describe your accent",
    "birth_year": "year of birth",
}
"""Our name of an attribute -> words by which its question in the table is recognised."""
YEAR_RECORDED = 2022
NO_SPEECH = re.compile(r"IGNORE_TIME_SEGMENT_IN_SCORING|<[^<>\s]*>")
"""Matches segments that are not scored, and marks such as <overlap> and <laugh>."""


class EdAccDescription(RecordedCorpus):
    """EdAcc 1.0."""

    kind: Literal["edacc"]
    parts: list[Literal["dev", "test"]]
    """Parts of the corpus that are read."""


class EdAcc(RecordedSource):
    """The folder `edacc_v1.0`, or the one that holds it."""

    title = "EdAcc"
    description = EdAccDescription
    takes = frozenset({"audio_root"})

    def recognises(self, location: Path) -> bool:
        """A folder with the table of backgrounds and a part."""
        folder = _folder(location)
        return (folder / BACKGROUND).is_file() and (folder / "data").is_dir()

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """Parts and attributes, with checksums."""
        folder = _folder(location)
        parts = [part for part in ("dev", "test") if (folder / part / "segments").is_file()]
        files = [folder / part / name for part in parts for name in ("segments", "text", "utt2spk")]
        return {
            "root": portable_root(folder, options.repository),
            "audio_root": portable_root(options.audio_root or folder / "data", options.repository),
            "files": checksums(folder, [folder / BACKGROUND, *files]),
            "parts": parts,
            "channel": options.channel,
            "attributes": {name: name for name in ("accent", "age", "education", "ethnicity", "gender")},
        }

    def read(self, description: EdAccDescription, root: Path) -> tuple[Source, TableDescription]:
        """The segments that hold words, with the background of their speakers."""
        people = _backgrounds(root / BACKGROUND)
        records = Records(root)
        for part in description.parts:
            recordings = {path.stem: (1, path.name) for path in sorted((root / "data").glob("*.wav"))}
            whole = kaldi_table(root / part, recordings)
            columns = {name: whole.values(name) for name in whole.names}
            for row in range(whole.rows):
                record = {name: values[row] for name, values in columns.items()} | {"part": part}
                record["text"] = " ".join(NO_SPEECH.sub(" ", str(record["text"] or "")).split())
                speaker = str(record["speaker_id"])
                if speaker not in people:
                    raise TableError(
                        f"{whole.place(row)}: speaker {speaker!r} is not in {root / BACKGROUND}; add a row"
                    )
                if record["text"]:
                    line = 0 if whole.numbers is None else int(whole.numbers()[row])
                    records.add(root / part / "segments", line, record | people[speaker])
        return records.table(), as_table(description)


def _folder(location: Path) -> Path:
    """The folder of the corpus itself."""
    below = location / "edacc_v1.0"
    return below if below.is_dir() else location


def _backgrounds(path: Path) -> dict[str, dict[str, Cell]]:
    """What each speaker says of themselves; age is that in the year of the recordings."""
    table = read_table(path, columns=["PARTICIPANT_ID"])
    columns: dict[str, list[Cell]] = {}
    for ours, words in QUESTIONS.items():
        found = [name for name in table.names if words in name.lower()]
        columns[ours] = cells(table, found[0]) if found else [None] * table.rows
    people: dict[str, dict[str, Cell]] = {}
    for row, speaker in enumerate(cells(table, "PARTICIPANT_ID")):
        known = {name: values[row] for name, values in columns.items()}
        year = str(known.pop("birth_year") or "")
        year = year.removesuffix(".0")
        age = YEAR_RECORDED - int(year) if re.fullmatch(r"(19|20)\d\d", year) else None
        people[str(speaker)] = known | {"age": age}
    return people
