"""What `corpora/<source>.yaml` may say about a corpus.

A description has a `kind`, which names one of `isogloss.corpus.sources`. What all kinds of recorded speech share is
`RecordedCorpus`; each kind adds its own keys. `TableDescription` is the kind `table`, a table with one row an
utterance, and the form into which every other kind is translated; see `corpora/speechocean762.yaml` for an example.
"""

import difflib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from isogloss.config import Section, read_section
from isogloss.config.components import SourceComponent
from isogloss.config.known import Known
from isogloss.config.registry import components, implementation
from isogloss.config.sections import version_problem
from isogloss.errors import ParamsError
from isogloss.tables import ASSIGNMENT_COLUMNS, METADATA_COLUMNS, RESULT_COLUMNS, SPLITS

Kind = Annotated[str, Known(SourceComponent)]
Split = Literal["train", "adapt", "discovery", "dev", "test"]
Column = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
AttributeName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]

NUMERIC_ATTRIBUTES = {
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "age": (0.0, 130.0),
    "weight": (0.0, 1e9),
}
"""Attributes that are numbers, with their ranges: degrees, degrees, years, population over split share."""

KNOWN_ATTRIBUTES = ("latitude", "longitude", "zip", "gender", "age", "accent", "weight")
RESERVED_NAMES = ({*METADATA_COLUMNS, *RESULT_COLUMNS, *ASSIGNMENT_COLUMNS} - {*KNOWN_ATTRIBUTES}) | {
    "text",
    "speaker",
}


class Columns(Section):
    """Which column of the table holds what."""

    audio: Column = "audio"
    """Path of the audio file, relative to `audio_root`; one file may hold many utterances."""
    text: Column | None = "text"
    """null: the corpus has no transcripts, and can train and judge speaker verification alone."""
    speaker_id: Column | None = "speaker_id"
    """null: speakers are not known, and each utterance counts as a speaker of its own."""
    utterance_id: Column | None = None
    """Without it the id is made of the audio's path and the start."""
    start: Column | None = None
    """Where the utterance begins in its file; without it, at the file's beginning."""
    duration: Column | None = None
    """Without it (or in an empty cell) the utterance lasts to the file's end."""
    channel: Column | None = None
    """Which channel holds the utterance: a number from 0, or A, B, left, right (the sides of a call)."""


class TextRules(Section):
    """How a transcript becomes the reference that words are compared with."""

    case: Literal["lower"] = "lower"
    keep: Annotated[str, Field(min_length=1)] = "abcdefghijklmnopqrstuvwxyz'"
    """Characters that words are made of, in lower case; white space separates words and is not listed."""
    punctuation: Literal["space", "remove"] = "space"
    """What becomes of punctuation and symbols outside `keep`."""
    others: Literal["error", "space", "remove"] = "error"
    """What becomes of letters, digits and marks outside `keep`: to drop them unseen falsifies references."""

    @model_validator(mode="after")
    def _keeps_lower_case(self) -> Self:
        for character in self.keep:
            if character.isspace() or character != character.lower():
                raise ValueError(f"text.keep holds {character!r}; list lower-case characters and no white space")
        return self


class SpeakerTable(Section):
    """A second table with one row a speaker, joined by speaker id."""

    table: Column
    speaker_id: Column = "speaker_id"
    sha256: Sha256 | None = None
    attributes: Annotated[dict[AttributeName, Column], Field(min_length=1)]


class ZipTable(Section):
    """A table with one row a ZIP, of what is known of its people; for the geodemographic rule."""

    table: Column
    """Absolute, relative to the repository, or under `$ISOGLOSS_DATA`; has `zip` (or `zcta`) and columns of numbers."""
    sha256: Sha256 | None = None


class SplitColumn(Section):
    """Splits that the corpus brings; without them `prepare` makes speaker-disjoint ones.

    Splits that it does not bring (discovery and adapt, as a rule) are taken from the speakers of train by `prepare`.
    """

    column: Column
    values: dict[str, Split]
    """What each value of the column means, as in `{validation: dev}`."""

    @model_validator(mode="after")
    def _names_train_and_test(self) -> Self:
        missing = [split for split in ("train", "test") if split not in self.values.values()]
        if missing:
            raise ValueError(
                f"split.values gives no {' or '.join(missing)}; name both (what else is missing of {', '.join(SPLITS)} "
                "is taken from train), or leave `split` out and `prepare` makes speaker-disjoint splits"
            )
        return self


class RecordedCorpus(Section):
    """What every corpus of recorded speech says of itself, whatever its files look like."""

    kind: str
    root: Column
    """Folder of the corpus: absolute, relative to the repository, or under `$ISOGLOSS_DATA`."""
    audio_root: Column | None = None
    """Folder that paths of audio are relative to, where it is not `root`."""
    files: dict[Column, Sha256] = Field(default_factory=dict)
    """Checksums of the tables that were described, by path below `root`, so that a changed one is noticed."""
    channel: Annotated[int, Field(ge=0)] | Literal["mix"] | None = None
    """Which channel of the audio to read (0 is the first), or `mix` for the mean of all; audio of several channels
    needs it, unless rows say it."""
    attributes: dict[AttributeName, Column] = Field(default_factory=dict)
    """Our name of each attribute, and what the corpus calls it."""
    speakers: SpeakerTable | None = None
    zips: ZipTable | None = None
    split: SplitColumn | None = None
    skip_bad: bool = False
    """Whether utterances that cannot be used are left out and listed, instead of refusing the corpus."""
    text: TextRules = TextRules()

    @model_validator(mode="after")
    def _attributes_make_sense(self) -> Self:
        of_speakers = self.speakers.attributes if self.speakers else {}
        for name in [*self.attributes, *of_speakers]:
            if name in RESERVED_NAMES:
                raise ValueError(f"an attribute cannot be named {name!r}, a column that Isogloss fills; rename it")
            if name in self.attributes and name in of_speakers:
                raise ValueError(f"attribute {name!r} is in attributes and in speakers.attributes; keep one of the two")
        for attributes in (self.attributes, of_speakers):
            if ("latitude" in attributes) != ("longitude" in attributes):
                raise ValueError("latitude and longitude belong together; give both, in the same table, or neither")
        return self


class TableDescription(RecordedCorpus):
    """A corpus that is a table of recorded speech (CSV, TSV, JSONL or parquet) beside its audio."""

    kind: Literal["table"]
    table: Column
    """The table of utterances, relative to `root`."""
    sha256: Sha256 | None = None
    """Checksum of the table, so that a changed one is noticed."""
    columns: Columns = Columns()
    unit: Literal["seconds", "samples"] = "seconds"
    """Unit of start and duration."""
    sample_rate: Annotated[int, Field(ge=1)] | Column | None = None
    """Rate in Hz that start and duration count in, or the column that holds it; default: the audio's."""

    @model_validator(mode="after")
    def _sample_rate_has_a_use(self) -> Self:
        if self.sample_rate is not None and self.unit == "seconds":
            raise ValueError(
                "sample_rate is given, but unit is 'seconds'; write unit: samples or leave sample_rate out"
            )
        return self


class _KindOnly(BaseModel):
    """The keys that a description of any kind has."""

    model_config = ConfigDict(extra="ignore", strict=True)

    kind: Kind
    version: str | None = None
    """Of the package that brings the source, where that is a plug-in."""

    @model_validator(mode="after")
    def _says_the_version_of_a_plugin(self) -> Self:
        if (problem := version_problem(components(SourceComponent)[self.kind], self.version)) is not None:
            raise ValueError(problem)
        return self


def description_path(source: str, folder: Path | str = "corpora") -> Path:
    """The description of a corpus.

    Raises
    ------
    ParamsError
        There is none of that name; the sentence lists (or suggests) those that exist.
    """
    path = Path(folder) / f"{source}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in Path(folder).glob("*.yaml"))
        near = difflib.get_close_matches(source, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"
        raise ParamsError(f"corpus.source is {source!r}, but {path} does not exist; {hint}")
    return path


def read_kind(source: str, folder: Path | str = "corpora") -> str:
    """The kind of a corpus, one of `isogloss.corpus.sources`; raises `ParamsError` where there is none such."""
    return read_section(description_path(source, folder), _KindOnly).kind


def read_table_description(source: str, folder: Path | str = "corpora") -> TableDescription:
    """Read the description of a corpus of kind `table`; raises `ParamsError` in one sentence."""
    return read_section(description_path(source, folder), TableDescription)


def read_description(source: str, folder: Path | str = "corpora") -> RecordedCorpus | None:
    """The description of a corpus of recorded speech, by the model of its kind; None for a synthetic one.

    Raises
    ------
    ParamsError
        There is none of that name, or it does not fit its kind.
    """
    kind = implementation(SourceComponent, read_kind(source, folder))
    model: type[RecordedCorpus] | None = getattr(kind, "description", None)
    return None if model is None else read_section(description_path(source, folder), model)
