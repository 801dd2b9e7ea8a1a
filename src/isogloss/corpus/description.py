"""What `corpora/<source>.yaml` may say about a corpus.

A description has a `kind`, which names one of `isogloss.corpus.sources`. What all kinds of recorded speech share is
`RecordedCorpus`; each kind adds its own keys. `TableDescription` is the kind `table`, a table with one row an
utterance, and the form into which every other kind is translated; see `corpora/speechocean762.yaml` for an example.
"""

import difflib
import unicodedata
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

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
    "snr_db": (-100.0, 200.0),
    "weight": (0.0, 1e9),
}
"""Attributes that are numbers, with their ranges: degrees, degrees, years, decibels, and for `weight` a speaker's share
of the population over their share of the split."""

KNOWN_ATTRIBUTES = ("latitude", "longitude", "zip", "gender", "age", "accent", "weight")
RESERVED_NAMES = ({*METADATA_COLUMNS, *RESULT_COLUMNS, *ASSIGNMENT_COLUMNS} - {*KNOWN_ATTRIBUTES}) | {
    "text",
    "speaker",
    "recording_id",
    "words_per_s",
}


class Columns(Section):
    """Names of the columns of the table."""

    audio: Column = "audio"
    """Path of the audio file, relative to `audio_root`; a file may hold many utterances."""
    text: Column | None = "text"
    """Transcript; null for a corpus without transcripts, which can train and judge speaker verification only."""
    speaker_id: Column | None = "speaker_id"
    """Id of the speaker; null if speakers are not known: then each utterance counts as a separate speaker."""
    utterance_id: Column | None = None
    """Id of the utterance; null makes ids of the path of the audio, the channel if rows name it, and the start."""
    start: Column | None = None
    """Start of the utterance in its file, in `unit`; null for utterances that begin with their file."""
    duration: Column | None = None
    """Duration of the utterance, in `unit`; with null, or an empty cell, it lasts to the end of its file."""
    channel: Column | None = None
    """Channel of the audio file that holds the utterance: a number from 0, or A, B, left, right (the sides of a call).
    null leaves it to `channel` of the description."""


class TextRules(Section):
    """How a transcript becomes the reference that words are compared with."""

    case: Literal["lower"] = "lower"
    """Case of references; only lower case is supported."""
    keep: Annotated[str, Field(min_length=1)] = "abcdefghijklmnopqrstuvwxyz'"
    """Characters that words are made of, in lower case. White space separates words and is not listed."""
    punctuation: Literal["space", "remove"] = "space"
    """Whether punctuation and symbols outside `keep` become a space or are removed."""
    others: Literal["error", "space", "remove"] = "error"
    """Whether letters, digits and marks outside `keep` are an error, become a space or are removed; references from
    which spoken words are removed are wrong."""

    @field_validator("keep")
    @classmethod
    def _composed(cls, keep: str) -> str:
        return unicodedata.normalize("NFC", keep)  # as texts are

    @model_validator(mode="after")
    def _keeps_lower_case(self) -> Self:
        for character in self.keep:
            if character.isspace() or character != character.lower():
                raise ValueError(f"text.keep holds {character!r}; list lower-case characters and no white space")
        return self


class SpeakerTable(Section):
    """A second table with one row a speaker, joined by speaker id."""

    table: Column
    """Path of the table, relative to `root`."""
    speaker_id: Column = "speaker_id"
    """Name of the column with the speaker's id."""
    sha256: Sha256 | None = None
    """SHA-256 checksum of the table, so that a change is noticed; null skips the check."""
    attributes: Annotated[dict[AttributeName, Column], Field(min_length=1)]
    """Our name of each attribute -> its column in this table."""


class ZipTable(Section):
    """A table with one row per ZIP code, with the demography of its people, for the geodemographic rule."""

    table: Column
    """Path of the table: absolute, relative to the repository, or under `$ISOGLOSS_DATA`. It has a column `zip` (or
    `zcta`) and columns of numbers."""
    sha256: Sha256 | None = None
    """SHA-256 checksum of the table, so that a change is noticed; null skips the check."""


class SplitColumn(Section):
    """Splits that the corpus brings; without them `prepare` makes speaker-disjoint ones.

    Splits that it does not bring (discovery and adapt, as a rule) are taken from the speakers of train by `prepare`.
    """

    column: Column
    """Name of the column."""
    values: dict[str, Split]
    """Value of the column -> split, such as `{validation: dev}`."""

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
    """The part of a description that all kinds of recorded corpora share."""

    kind: str
    """The kind of corpus, one of `isogloss.corpus.sources`."""
    root: Column
    """Folder of the corpus: absolute, relative to the repository, or under `$ISOGLOSS_DATA`."""
    audio_root: Column | None = None
    """Folder to which paths of audio are relative; null for `root`."""
    files: dict[Column, Sha256] = Field(default_factory=dict)
    """Path below `root` -> SHA-256 checksum, for each table that was described, so that a change is noticed."""
    channel: Annotated[int, Field(ge=0)] | Literal["mix"] | None = None
    """Channel of the audio that is read (0 is the first), or `mix` for the mean of all channels. Audio of several
    channels needs it unless the rows name their channel."""
    attributes: dict[AttributeName, Column] = Field(default_factory=dict)
    """Our name of each attribute -> the corpus' name of it."""
    speakers: SpeakerTable | None = None
    """A second table, with attributes of the speakers; null if there is none."""
    zips: ZipTable | None = None
    """The table of ZIP codes; null if there is none."""
    split: SplitColumn | None = None
    """The splits that the corpus brings; null lets `prepare` make them."""
    without: list[Literal["transcripts", "speakers"]] = Field(default_factory=list)
    """What is not read although corpora of this kind have it: transcripts (then the corpus serves speaker verification
    alone), or speakers (then each utterance counts as a separate speaker)."""
    skip_bad: bool = False
    """Whether utterances that cannot be used are left out and listed; otherwise the corpus is refused."""
    text: TextRules = TextRules()
    """How transcripts become references."""

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
    """Path of the table of utterances, relative to `root`."""
    sha256: Sha256 | None = None
    """SHA-256 checksum of the table, so that a change is noticed; null skips the check."""
    columns: Columns = Columns()
    unit: Literal["seconds", "samples"] = "seconds"
    """Unit of the columns `start` and `duration`."""
    sample_rate: Annotated[int, Field(ge=1)] | Column | None = None
    """Sampling rate in Hz to which `start` and `duration` refer, or the column that holds it, where `unit` is samples;
    null takes the rate of the audio."""

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
    """Version of the package that brings the source, if it is a plug-in."""

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
