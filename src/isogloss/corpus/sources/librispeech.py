"""LibriSpeech (Panayotov et al. 2015) as distributed, and Mini LibriSpeech: Lhotse's recipe, and the speakers' sex."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.ingest.recipes import Record
from isogloss.corpus.ingest.records import numbered_lines
from isogloss.corpus.ingest.source import Options, checksums
from isogloss.corpus.sources.lhotse import Lhotse, RecipeDescription
from isogloss.errors import TableError

COMPONENT = SourceComponent(name="librispeech", implementation="LibriSpeech")
SPEAKERS = "SPEAKERS.TXT"
GENDERS = {"F": "female", "M": "male"}


class LibriSpeechDescription(RecipeDescription):
    """LibriSpeech, all of it or some parts."""

    kind: Literal["librispeech"]


class LibriSpeech(Lhotse):
    """The folder that holds `SPEAKERS.TXT` and a folder a part."""

    title = "LibriSpeech"
    description = LibriSpeechDescription
    recipe = "librispeech"

    def recognises(self, location: Path) -> bool:
        """A folder with the table of speakers and a transcript of a chapter."""
        return (location / SPEAKERS).is_file() and next(location.glob("*/*/*/*.trans.txt"), None) is not None

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The folder with a checksum of the table of speakers."""
        content = super().describe(location, options)
        table = location / SPEAKERS
        return content | {"files": checksums(location, [table] if table.is_file() else [])}

    def about(self, root: Path) -> Mapping[str, Record]:
        """The sex of each reader; empty if the table is missing."""
        path = root / SPEAKERS
        people: dict[str, Record] = {}
        if not path.is_file():
            return people
        for number, line in numbered_lines(path):
            if line.startswith(";"):
                continue
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) < 3 or cells[1] not in GENDERS:
                raise TableError(f"{path}, line {number} is not `ID | F or M | SUBSET ...`; restore the file")
            people[cells[0]] = {"gender": GENDERS[cells[1]]}
        return people
