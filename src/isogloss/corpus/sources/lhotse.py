"""Lhotse: a folder of its manifests, or a corpus that one of its recipes can read.

Manifests are recordings and supervisions as JSONL, perhaps gzipped, in pairs whose names differ in that word alone
(`librispeech_recordings_dev-clean.jsonl.gz`, `librispeech_supervisions_dev-clean.jsonl.gz`); what follows it is the
part. A recipe is named before the folder: `isogloss ingest l2_arctic:/data/l2arctic`. Recordings that are made by
commands or found on the web are refused: only files are read. A kind of corpus that a recipe reads, but whose speakers
it says too little about, is a subclass of `Lhotse` (`isogloss.corpus.sources.librispeech`).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import KNOWN_ATTRIBUTES, RecordedCorpus, Sha256, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.attributes import with_age_band
from isogloss.corpus.ingest.folders import common_folder
from isogloss.corpus.ingest.recipes import Part, Record, Setting, digest, made_by
from isogloss.corpus.ingest.records import Records, numbered_lines, placed
from isogloss.corpus.ingest.source import PART, Options, RecordedSource, as_table, checksums, official_values
from isogloss.errors import ParamsError, TableError
from isogloss.io.source import Source

COMPONENT = SourceComponent(name="lhotse", implementation="Lhotse")
FURTHER = ("age_band", "dialect", "education", "ethnicity", "language", "mother_tongue", "nationality", "nativeness")
"""Attributes besides `KNOWN_ATTRIBUTES` that recipes provide and that do not identify a speaker."""
OTHER_NAMES = {"lat": "latitude", "lon": "longitude", "accents": "accent", "speaker_age": "age"}
"""Name of an attribute in recipes -> our name."""
Located = tuple[str, int | None]
"""Path of a file, and a channel of it; None if the file has several."""


class RecipeDescription(RecordedCorpus):
    """A corpus that is read by one of Lhotse's recipes, or from Lhotse's manifests."""

    recipe: str | None = None
    """The recipe that reads `root`; null where `root` holds manifests."""
    options: dict[str, Setting] = Field(default_factory=dict)
    """Arguments of the recipe, besides the folder."""
    made: Sha256 | None = None
    """SHA-256 checksum of the recipe's output when the corpus was described, so that a change is noticed."""


class LhotseDescription(RecipeDescription):
    """Manifests of Lhotse, or a corpus that one of its recipes reads."""

    kind: Literal["lhotse"]


class Lhotse(RecordedSource):
    """A folder of manifests, or of a corpus with a recipe."""

    title = "read by Lhotse"
    description: ClassVar[type[RecipeDescription]] = LhotseDescription
    takes = frozenset({"audio_root", "attributes", "official_splits", "recipe", "recipe_options"})
    recipe: ClassVar[str | None] = None
    """The recipe that reads a corpus of this kind."""
    recipe_options: ClassVar[Mapping[str, Setting]] = {}
    """Default arguments of the recipe."""
    further: ClassVar[tuple[str, ...]] = FURTHER
    """Attributes that are kept in addition to `KNOWN_ATTRIBUTES`."""
    _read: tuple[tuple[Any, ...], list[Part]] | None = None
    """The last result and its arguments: a recipe opens every recording, so it is run only once per command."""

    def recognises(self, location: Path) -> bool:
        """A folder with manifests of supervisions."""
        return location.is_dir() and bool(_manifests(location))

    def about(self, root: Path) -> Mapping[str, Record]:
        """Attributes of each speaker that the manifests do not contain."""
        del root
        return {}

    def amended(self, row: Record, *, listed: bool) -> Record | None:
        """The row as it is used, or None if it is left out; `listed` says whether `about` has its speaker."""
        del listed
        return row

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The folder with checksums of manifests, or with the recipe; attributes that are known."""
        recipe = self.recipe or options.recipe
        chosen = {**self.recipe_options, **options.recipe_options}
        if chosen and recipe is None:
            raise ParamsError("--recipe-option is for a recipe; name it before the folder, as in ami:/data/ami")
        parts = self._parts(location, recipe, chosen)
        found = [_attributes(record) for *_, of in parts for _, record in of] + [*self.about(location).values()]
        paths = [
            file
            for _, path, of, _ in parts
            for line, record in of
            for file, _ in _files(record, placed(path, line)).values()
        ]
        audio_root = options.audio_root or common_folder(paths, location)
        manifests = [] if recipe else _manifests(location)
        # The weight that a recipe knows is of bodies (EARS), not of speakers in a population.
        known = [name for name in (*KNOWN_ATTRIBUTES, *self.further) if name != "weight" or recipe is None]
        content: dict[str, Any] = {
            "root": portable_root(location, options.repository),
            "recipe": recipe,
            "options": chosen,
            "made": digest(parts) if recipe else None,
            "audio_root": None if audio_root is None else portable_root(audio_root, options.repository),
            "files": checksums(location, [path for pair in manifests for path in pair]),
            "channel": options.channel,
            "attributes": _known_attributes(found, known, options.attributes) | dict(options.attributes),
        }
        if options.official_splits:
            content["split"] = {"column": PART, "values": official_values([name for name, *_ in parts])}
        return content

    def read(self, description: RecipeDescription, root: Path) -> tuple[Source, TableDescription]:
        """One row a supervision, with the file of its recording."""
        parts = self._parts(root, description.recipe, description.options)
        if description.made is not None and digest(parts) != description.made:
            raise TableError(
                f"what Lhotse's recipe {description.recipe} makes of {root} is not what was described (a file, or "
                "the version of Lhotse, has changed); restore it, or describe the corpus again by `isogloss ingest "
                "--overwrite`"
            )
        records, people = Records(root), self.about(root)
        for name, path, recordings, supervisions in parts:
            of_file = {record.get("id"): _files(record, placed(path, line)) for line, record in recordings}
            for line, record in supervisions:
                row = _row(record, of_file, description, placed(path, line)) | {PART: name}
                person = people.get(str(record.get("speaker")))
                used = self.amended(row | (person or {}), listed=person is not None)
                if used is not None:
                    records.add(path, line, used)
        return records.table(), as_table(description)

    def _parts(self, folder: Path, recipe: str | None, options: Mapping[str, Setting]) -> list[Part]:
        """The parts of a folder of manifests, or of what a recipe makes of it."""
        if recipe is None:
            return list(_parts_of_manifests(folder))
        asked = (folder.resolve(), recipe, sorted(options.items()))
        if self._read is None or self._read[0] != asked:
            self._read = (asked, made_by(recipe, folder, options))
        return self._read[1]


def _row(
    record: Record, of_file: Mapping[Any, dict[int, Located]], description: RecipeDescription, where: str
) -> Record:
    """The row of a supervision."""
    files = of_file.get(record.get("recording_id"))
    if files is None:
        raise TableError(
            f"{where}: {record.get('id')!r} names recording {record.get('recording_id')!r}, which its manifest of "
            "recordings lacks"
        )
    file, channel = _heard_in(record.get("channel", 0), files, description, where)
    return {
        **_attributes(record),
        "utterance_id": record.get("id"),
        "speaker_id": record.get("speaker"),
        "audio": file,
        "text": record.get("text"),
        "start": record.get("start"),
        "duration": record.get("duration"),
        "channel": channel,
    }


def _attributes(record: Record) -> Record:
    """The attributes of a supervision's speaker, by our names if we have one."""
    custom = {OTHER_NAMES.get(name, name): value for name, value in (record.get("custom") or {}).items()}
    return custom | {name: record.get(name) for name in ("gender", "language") if record.get(name)}


def _known_attributes(found: list[Record], known: list[str], told: Mapping[str, str]) -> dict[str, str]:
    """The known attributes that occur; ages in words are age bands."""
    names = {name for record in found for name, value in record.items() if value is not None}
    kept = {name: name for name in known if name in names}
    return with_age_band(kept, (record.get("age") for record in found), told)


def _heard_in(said: Any, files: dict[int, Located], description: RecipeDescription, where: str) -> Located:
    """The file of a supervision, and its channel there; None if the description chooses the channel."""
    channel = said[0] if isinstance(said, list) and len(said) == 1 else said
    if isinstance(channel, int) and not isinstance(channel, bool):
        if channel not in files:
            raise TableError(
                f"{where}: it is on channel {channel}, but its recording has {', '.join(map(str, sorted(files)))}"
            )
        return files[channel]
    if description.channel is None:
        raise TableError(f"{where}: channel is {said!r}; choose one, or take the mean of all by --channel mix")
    if len({file for file, _ in files.values()}) == 1:
        return next(iter(files.values()))[0], None
    if not isinstance(description.channel, int) or description.channel not in files:
        raise TableError(f"{where}: its channels are in a file each; choose one by --channel N")
    return files[description.channel]


def _manifests(folder: Path) -> list[tuple[Path, Path]]:
    """The pairs of manifests in a folder."""
    found = []
    for path in sorted(folder.glob("*supervisions*.jsonl*")):
        other = path.with_name(path.name.replace("supervisions", "recordings"))
        if path.name.endswith((".jsonl", ".jsonl.gz")) and other.is_file():
            found.append((other, path))
    return found


def _parts_of_manifests(folder: Path) -> Iterator[Part]:
    """The parts of a folder of manifests."""
    for recordings, supervisions in _manifests(folder):
        name = supervisions.name.partition("supervisions")[2].partition(".")[0].strip("_-") or "all"
        yield name, supervisions, list(_lines(recordings)), list(_lines(supervisions))


def _lines(path: Path) -> Iterator[tuple[int, Record]]:
    """The objects of a manifest."""
    for number, line in numbered_lines(path):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise TableError(f"{path}, line {number} is not valid JSON: {reason}; write it anew") from None
        if not isinstance(record, dict) or not isinstance(record.get("custom") or {}, dict):
            raise TableError(f"{path}, line {number} is no manifest of Lhotse; give one object a line")
        yield number, record


def _files(recording: Record, where: str) -> dict[int, Located]:
    """The file of each channel of a recording, with the number that the channel has there."""
    sources = recording.get("sources")
    if not isinstance(sources, list) or not sources or not all(isinstance(source, dict) for source in sources):
        raise TableError(f"{where}: recording {recording.get('id')!r} names no file; write its manifest anew")
    found: dict[int, Located] = {}
    for source in sources:
        if source.get("type") != "file" or recording.get("transforms"):
            raise TableError(
                f"{where}: recording {recording.get('id')!r} is of type {source.get('type')!r}, or changed when it is "
                "read; save it as a file (lhotse cut save_audios)"
            )
        channels = source.get("channels", [0])
        if not isinstance(channels, list) or not all(isinstance(channel, int) for channel in channels):
            raise TableError(f"{where}: recording {recording.get('id')!r} has channels {channels!r}; list numbers")
        found |= {channel: (str(source.get("source")), number) for number, channel in enumerate(channels)}
    return found
