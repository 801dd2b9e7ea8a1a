"""VoxCeleb1 and VoxCeleb2 as distributed: a table of people, and a folder a person with a folder a video.

`vox1_meta.csv` is separated by tabs; `vox2_meta.csv` by commas, with spaces at the ends of its cells. There are no
transcripts: the corpus trains and judges speaker verification. VoxCeleb2 comes as AAC in .m4a, to be converted first.
"""

from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import Column, Columns, RecordedCorpus, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.records import Records, numbered_lines
from isogloss.corpus.ingest.source import PART, Options, RecordedSource, as_table, checksums, official_values
from isogloss.errors import CorpusError, TableError
from isogloss.io.source import Source

COMPONENT = SourceComponent(name="voxceleb", implementation="VoxCeleb")
META = {"vox1_meta.csv": "\t", "vox2_meta.csv": ","}
"""Name of a table of people -> its separator."""
GENDERS = {"m": "male", "f": "female"}
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
IDENTITY = 2
"""Number of leading columns that identify a person; the others are attributes and the part."""


class VoxCelebDescription(RecordedCorpus):
    """VoxCeleb1 or VoxCeleb2."""

    kind: Literal["voxceleb"]
    meta: Column
    """Path of the table of people, relative to `root`."""


class VoxCeleb(RecordedSource):
    """The folder that holds the table of people and the audio."""

    title = "VoxCeleb"
    description = VoxCelebDescription
    takes = frozenset({"official_splits"})

    def recognises(self, location: Path) -> bool:
        """A folder with one of the tables of people, or that table."""
        return _meta(location) is not None

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The table of people with its checksum, and its attributes."""
        meta = _meta(location)
        if meta is None:
            raise TableError(f"{location}: there is neither {' nor '.join(META)}; give the folder that holds one")
        people = _people(meta)
        named = {name for of in people.values() for name in of}
        content: dict[str, Any] = {
            "root": portable_root(meta.parent, options.repository),
            "files": checksums(meta.parent, [meta]),
            "meta": meta.name,
            "attributes": {name: name for name in ("gender", "nationality") if name in named},
        }
        if options.official_splits:
            parts = sorted({of["set"] for of in people.values()})
            # Its development part is a training part.
            values = {
                part: "train" if part == "dev" else split for part, split in official_values([*parts, "train"]).items()
            }
            content["split"] = {"column": PART, "values": {part: values[part] for part in parts}}
        return content

    def read(self, description: VoxCelebDescription, root: Path) -> tuple[Source, TableDescription]:
        """One row an audio file, in the order of the paths; the place is the person's line in the table."""
        meta = root / description.meta
        people = _people(meta)
        lines = {cells[0]: number for number, cells in _rows(meta)}
        records = Records(root)
        audio = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not audio and any(root.rglob("*.m4a")):
            raise CorpusError(
                f"{root} holds .m4a, which cannot be decoded; convert it to FLAC or WAV in the same folders"
            )
        for path in audio:
            relative = path.relative_to(root)
            speaker = next((part for part in relative.parts if part in people), None)
            if speaker is None:
                raise TableError(f"{path}: no folder above it is a person of {meta}; add a row, or move it away")
            of = people[speaker]
            name = relative.with_suffix("").as_posix()
            record = {"utterance_id": name, "speaker_id": speaker, "audio": relative.as_posix(), PART: of["set"]}
            records.add(meta, lines[speaker], record | {key: of.get(key) for key in ("gender", "nationality")})
        return records.table(), as_table(description, Columns(utterance_id="utterance_id", text=None))


def _meta(location: Path) -> Path | None:
    """The table of people."""
    if location.is_dir():
        return next((location / name for name in META if (location / name).is_file()), None)
    return location if location.name in META and location.is_file() else None


def _rows(meta: Path) -> list[tuple[int, list[str]]]:
    """The numbered rows of the table, the header first, their cells without the spaces around them."""
    return [(n, [cell.strip() for cell in line.split(META[meta.name])]) for n, line in numbered_lines(meta)]


def _people(meta: Path) -> dict[str, dict[str, str]]:
    """Attributes and part of each person, by id.

    Raises
    ------
    TableError
        The table is empty, or a row has more or fewer cells than the header.
    """
    rows = _rows(meta)
    if len(rows) < 2:
        raise TableError(f"{meta} holds no rows; download it again")
    header = [name.lower() for name in rows[0][1]]
    people: dict[str, dict[str, str]] = {}
    for number, cells in rows[1:]:
        if len(cells) != len(header):
            raise TableError(f"{meta}, line {number}: {len(cells)} cells under {len(header)} names; correct the line")
        known = dict(zip(header[IDENTITY:], cells[IDENTITY:], strict=True))
        known["gender"] = GENDERS.get(known.get("gender", ""), known.get("gender", ""))
        people[cells[0]] = {name: value for name, value in known.items() if value} | {"set": known.get("set", "")}
    return people
