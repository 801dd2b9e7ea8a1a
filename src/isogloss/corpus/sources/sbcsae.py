"""The Santa Barbara Corpus of Spoken American English as distributed: Lhotse's recipe, and where speakers come from.

The recipe reads transcripts and gender. The tables of speakers also say age, hometown and its state, which it reads
only to look them up on a server. Alignments that the recipe would fetch from the web are not asked for. Laughter and
the marks of other languages are no words; stretches with words that nobody understood (`<UNK>`) are left out.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.ingest.recipes import Record
from isogloss.corpus.ingest.source import Options, checksums
from isogloss.corpus.sources.lhotse import Lhotse, RecipeDescription
from isogloss.errors import TableError

COMPONENT = SourceComponent(name="sbcsae", implementation="Sbcsae")
FIELDS = ("number", "name", "gender", "age", "hometown", "home_state")
"""Names of the first fields of the tables of speakers, which have no header."""
ATTRIBUTES = ("gender", "age", "hometown", "home_state")
UNKNOWN = ("", "?", "n/a", "N/A")
MISNUMBERED = {("0163", "DAN"): "0166"}
"""(number in the table, name) -> number in the transcripts, for a speaker whose numbers differ (Lhotse's recipe
corrects this too)."""
_MARKS = re.compile(r"<L2|L2>|<[A-Z]+>")


class SbcsaeDescription(RecipeDescription):
    """SBCSAE, parts 1 to 4."""

    kind: Literal["sbcsae"]


class Sbcsae(Lhotse):
    """The folder with `WAV`, `TRN` and `docs`."""

    title = "SBCSAE"
    description = SbcsaeDescription
    recipe = "sbcsae"
    recipe_options = {"omit_realignments": True}
    further = ("hometown", "home_state")

    def recognises(self, location: Path) -> bool:
        """A folder with transcripts and a table of speakers."""
        return (location / "TRN").is_dir() and bool(_tables(location))

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The folder with checksums of the tables; conversations are in both channels, so the mean is taken."""
        channel = "mix" if options.channel is None else options.channel
        content = super().describe(location, replace(options, channel=channel))
        return content | {"files": checksums(location, _tables(location))}

    def about(self, root: Path) -> Mapping[str, Record]:
        """Gender, age, hometown and state of the speakers of the tables, by the ids that the recipe gives them."""
        people: dict[str, Record] = {}
        for path in _tables(root):
            for line in path.read_text(encoding="latin1").splitlines():
                person = dict(zip(FIELDS, (cell.strip() for cell in line.split(",")), strict=False))
                if len(person) < len(FIELDS):
                    continue
                name = person["name"].replace(" (extra-corpus)", "").upper().split(" ")[-1].split("/")[0]
                number = MISNUMBERED.get((person["number"], name), person["number"])
                known: Record = {field: person[field] for field in ATTRIBUTES if person[field] not in UNKNOWN}
                known |= {"gender": known["gender"].upper()} if "gender" in known else {}
                known |= {"age": float(known["age"])} if known.get("age", "").isdecimal() else {"age": None}
                people[f"{number}_{name}"] = known
        if not people:
            raise TableError(f"{root / 'docs'}: no Part_*/speaker.tbl names a speaker; restore the tables")
        return people

    def amended(self, row: Record, *, listed: bool) -> Record | None:
        """The row with a text of words, or None if a word was not understood; unlisted speakers get new ids.

        A speaker who is in no table is called by conversation and name. The recipe numbers them in the order in which
        the disk lists the files, so that its ids differ between machines.
        """
        if "<UNK>" in str(row["text"]):
            return None
        text = " ".join(_MARKS.sub(" ", str(row["text"])).split())
        if not re.search(r"[^\W\d_]", text):
            return None
        conversation, _, _, name = str(row["utterance_id"]).split("_", 3)
        return row | {"text": text, "speaker_id": row["speaker_id"] if listed else f"{conversation}_{name}"}


def _tables(folder: Path) -> list[Path]:
    """The tables of speakers."""
    return sorted((folder / "docs").glob("Part_*/speaker.tbl"))
