"""Lhotse: a folder of its manifests, or a corpus that one of its recipes can read.

Manifests are recordings and supervisions as JSONL, perhaps gzipped, in pairs whose names differ in that word alone
(`librispeech_recordings_dev-clean.jsonl.gz`, `librispeech_supervisions_dev-clean.jsonl.gz`); what follows it is the
part. A recipe is named before the folder: `isogloss ingest librispeech:/data/LibriSpeech`. Recordings that are made by
commands or found on the web are refused: only files are read.
"""

import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import KNOWN_ATTRIBUTES, RecordedCorpus, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.folders import common_folder
from isogloss.corpus.ingest.records import Records, numbered_lines
from isogloss.corpus.ingest.source import PART, Options, RecordedSource, as_table, checksums, official_values
from isogloss.errors import CorpusError, ParamsError, TableError
from isogloss.io.source import Source

COMPONENT = SourceComponent(name="lhotse", implementation="Lhotse")
FURTHER = ("age_band", "ethnicity", "education", "language", "nationality")
"""Attributes beside `KNOWN_ATTRIBUTES` that recipes give and that name nobody."""
Record = dict[str, Any]
Part = tuple[str, Path, list[tuple[int, Record]], list[tuple[int, Record]]]
"""Name, place, and the numbered recordings and supervisions of a part."""


class LhotseDescription(RecordedCorpus):
    """Manifests of Lhotse, or what one of its recipes makes."""

    kind: Literal["lhotse"]
    recipe: str | None = None
    """The recipe that reads `root`; null where `root` holds manifests."""


class Lhotse(RecordedSource):
    """A folder of manifests, or of a corpus with a recipe."""

    title = "read by Lhotse"
    description = LhotseDescription

    def recognises(self, location: Path) -> bool:
        """A folder with manifests of supervisions."""
        return location.is_dir() and bool(_manifests(location))

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The folder with checksums of manifests, or with the recipe; attributes that are known."""
        parts = list(_parts(location, options.recipe))
        supervisions = [record for *_, of in parts for _, record in of]
        keys = {key for record in supervisions for key in ("gender", "language", *(record.get("custom") or {}))}
        paths = [_file(record, "") for *_, of, _ in parts for _, record in of]
        audio_root = options.audio_root or common_folder(paths, location)
        manifests = [] if options.recipe else _manifests(location)
        content: dict[str, Any] = {
            "root": portable_root(location, options.repository),
            "recipe": options.recipe,
            "audio_root": None if audio_root is None else portable_root(audio_root, options.repository),
            "files": checksums(location, [path for pair in manifests for path in pair]),
            "channel": options.channel,
            "attributes": {name: name for name in (*KNOWN_ATTRIBUTES, *FURTHER) if name in keys}
            | dict(options.attributes),
        }
        if options.official_splits:
            content["split"] = {"column": PART, "values": official_values([name for name, *_ in parts])}
        return content

    def read(self, description: LhotseDescription, root: Path) -> tuple[Source, TableDescription]:
        """One row a supervision, with the file of its recording."""
        records = Records(root)
        for name, path, recordings, supervisions in _parts(root, description.recipe):
            files = {record.get("id"): _file(record, f"{path}, line {line}") for line, record in recordings}
            for line, record in supervisions:
                where = f"{path}, line {line}"
                if record.get("recording_id") not in files:
                    raise TableError(
                        f"{where}: {record.get('id')!r} names recording {record.get('recording_id')!r}, which its "
                        "manifest of recordings lacks"
                    )
                channel = record.get("channel", 0)
                records.add(
                    path,
                    line,
                    {
                        **(record.get("custom") or {}),
                        "utterance_id": record.get("id"),
                        "speaker_id": record.get("speaker"),
                        "audio": files[record["recording_id"]],
                        "text": record.get("text"),
                        "start": record.get("start"),
                        "duration": record.get("duration"),
                        "channel": channel if isinstance(channel, int) else _only(channel, description, where),
                        "gender": record.get("gender"),
                        "language": record.get("language"),
                        "part": name,
                    },
                )
        return records.table(), as_table(description)


def _only(channels: Any, description: LhotseDescription, where: str) -> int | None:
    """The channel of a supervision that lists several; None where the description chooses."""
    if isinstance(channels, list) and len(channels) == 1 and isinstance(channels[0], int):
        return channels[0]
    if description.channel is None:
        raise TableError(f"{where}: channel is {channels!r}; choose one, or take the mean of all by --channel mix")
    return None


def _parts(folder: Path, recipe: str | None) -> Iterator[Part]:
    """The parts of a folder of manifests, or of what a recipe makes of it."""
    if recipe is not None:
        yield from _by_recipe(folder, recipe)
        return
    for recordings, supervisions in _manifests(folder):
        name = supervisions.name.partition("supervisions")[2].partition(".")[0].strip("_-") or "all"
        yield name, supervisions, list(_lines(recordings)), list(_lines(supervisions))


def _manifests(folder: Path) -> list[tuple[Path, Path]]:
    """The pairs of manifests in a folder."""
    found = []
    for path in sorted(folder.glob("*supervisions*.jsonl*")):
        other = path.with_name(path.name.replace("supervisions", "recordings"))
        if path.name.endswith((".jsonl", ".jsonl.gz")) and other.is_file():
            found.append((other, path))
    return found


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


def _file(recording: Record, where: str) -> str:
    """The file of a recording."""
    sources = recording.get("sources")
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], dict):
        raise TableError(
            f"{where}: recording {recording.get('id')!r} is not one file; save it as one with all channels"
        )
    if sources[0].get("type") != "file" or recording.get("transforms"):
        raise TableError(
            f"{where}: recording {recording.get('id')!r} is of type {sources[0].get('type')!r}, or changed when it is "
            "read; save it as a file (lhotse cut save_audios)"
        )
    return str(sources[0].get("source"))


def _by_recipe(folder: Path, recipe: str) -> Iterator[Part]:
    """What a recipe of Lhotse makes of a corpus.

    Raises
    ------
    ParamsError
        There is no such recipe, or it wants more than the folder of the corpus.
    CorpusError
        The recipe fails.
    """
    prepare = _recipe(recipe)
    try:
        made = prepare(folder)
    except Exception as error:  # each recipe raises whatever its files make it raise
        said = " ".join(str(error).split()) or type(error).__name__
        raise CorpusError(f"Lhotse's recipe {recipe} cannot read {folder}: {said}") from None
    parts = {"all": made} if "recordings" in made else made
    for name, manifests in sorted(parts.items()):
        if isinstance(manifests, dict) and {"recordings", "supervisions"} <= set(manifests):
            of = (
                [*enumerate((item.to_dict() for item in manifests[key]), start=1)]
                for key in ("recordings", "supervisions")
            )
            recordings, supervisions = of
            yield str(name), folder, recordings, sorted(supervisions, key=lambda pair: str(pair[1].get("id")))


def _recipe(name: str) -> Any:
    """The function of a recipe that needs the folder of the corpus alone."""
    recipes = importlib.import_module("lhotse.recipes")
    prepare = getattr(recipes, f"prepare_{name}", None)
    if prepare is None:
        known = sorted(each.removeprefix("prepare_") for each in dir(recipes) if each.startswith("prepare_"))
        raise ParamsError(f"Lhotse has no recipe {name!r}; it has {', '.join(known)}")
    needed = [p for p in inspect.signature(prepare).parameters.values() if p.default is p.empty]
    if len(needed) > 1:
        others = ", ".join(p.name for p in needed[1:])
        raise ParamsError(
            f"Lhotse's recipe {name} wants {others} too; make its manifests by `lhotse prepare {name}`, and give their "
            "folder"
        )
    return prepare
