"""The port of a corpus source: the interface of every kind of corpus.

`CorpusSource` builds a corpus folder. `RecordedSource`, for recorded speech, need only say which files are of its kind,
describe them, and read them as a table with one row an utterance: what is checked and written is the same for all.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from isogloss.config.params import Params
from isogloss.config.reading import read_section
from isogloss.corpus.description import Columns, RecordedCorpus, TableDescription
from isogloss.corpus.frontend.audio_root import resolve_root
from isogloss.corpus.ingest.corpus import ingest
from isogloss.corpus.ingest.ingested import Rows
from isogloss.errors import ParamsError, TableError
from isogloss.io.source import Source, checksum

PART = "part"
"""Name of the column with the part of the corpus that an utterance belongs to, such as train, dev-clean or test."""
STANDARD = Columns(utterance_id="utterance_id", start="start", duration="duration", channel="channel")
"""Names of the columns of the rows that a source other than a table makes."""
ROLES_OF = {"transcripts": "text", "speakers": "speaker_id"}
"""Value of `RecordedCorpus.without` -> the role that no column has then."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The user's options for a corpus apart from its path; each kind uses those that apply to it."""

    root: Path | None = None
    audio_root: Path | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Further attributes: our name -> the corpus' name."""
    speakers: Path | None = None
    unit: str = "seconds"
    sample_rate: int | str | None = None
    channel: int | str | None = None
    official_splits: bool = False
    recipe: str | None = None
    recipe_options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    repository: Path | str = "."


class CorpusSource(ABC):
    """A kind of corpus."""

    @abstractmethod
    def build(self, description: Path, params: Params, output: Path) -> pd.DataFrame | None:
        """Read the description, check all of it, and write the corpus folder whole or not at all.

        Returns the planted truth of a synthetic corpus; a recorded one has none.
        """


class RecordedSource(CorpusSource):
    """A kind of corpus of recorded speech."""

    title: ClassVar[str]
    """A short description of this kind of corpus, for messages."""
    description: ClassVar[type[RecordedCorpus]]
    """The pydantic model of the descriptions of this kind."""
    takes: ClassVar[frozenset[str] | None] = None
    """Names of the fields of `Options` that `describe` uses, apart from `repository` and those that every kind has
    (`channel`, and `columns` that say that there are no transcripts or speakers). None: all of them."""
    generic: ClassVar[bool] = False
    """Whether files of other kinds may also look like this kind; then the other kinds are preferred."""

    @abstractmethod
    def recognises(self, location: Path) -> bool:
        """Whether a file or folder is a corpus of this kind, judged by names and first lines."""

    @abstractmethod
    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The keys of the description of a corpus, including `root` and checksums, without `kind` and `text`.

        Raises
        ------
        ParamsError, TableError
            What the options ask for cannot be had, or a file is missing or malformed.
        """

    @abstractmethod
    def read(self, description: Any, root: Path) -> tuple[Source, TableDescription]:
        """The utterances as a table, and the description of the table; audio is not read.

        Raises
        ------
        TableError
            A file is missing or malformed, with its place.
        """

    def rows(self, description: RecordedCorpus, repository: Path | str = ".") -> Rows:
        """The result of `read`, with the folders on this machine; checksums are compared.

        Raises
        ------
        CorpusError, TableError
            A folder is not on this machine, a file has changed since it was described, or as `read`.
        """
        root = resolve_root(description.root, repository)
        for name, expected in description.files.items():
            if not (root / name).is_file():
                raise TableError(f"{root / name} does not exist; restore it, or describe the corpus again")
            if checksum(root / name) != expected:
                raise TableError(
                    f"{root / name} is not the file that was described: its sha256 is {checksum(root / name)}; restore "
                    "it, or describe the corpus again by `isogloss ingest --overwrite`"
                )
        table, form = self.read(description, root)
        lacking = {ROLES_OF[name]: None for name in description.without}
        form = form.model_copy(update={"columns": form.columns.model_copy(update=lacking)})
        return Rows(table, form, root, resolve_root(form.audio_root or form.root, repository))

    def build(self, description: Path, params: Params, output: Path) -> None:
        """Check the recordings and their transcripts, and write the corpus. There is no planted truth."""
        print(ingest(read_section(description, self.description), output, source=description.stem))


def as_table(description: RecordedCorpus, columns: Columns = STANDARD) -> TableDescription:
    """The description of a table with these columns, with all other keys of the given description except its kind."""
    shared = {name: getattr(description, name) for name in RecordedCorpus.model_fields if name != "kind"}
    return TableDescription(kind="table", table="-", columns=columns, **shared)


def official_values(parts: Mapping[str, Any] | list[str]) -> dict[str, str]:
    """The split of each part of a corpus, by the name of the part, for `SplitColumn.values`.

    Raises
    ------
    ParamsError
        A part has no telling name, or there is none to train on or none to test on.
    """
    starts = {"train": "train", "dev": "dev", "val": "dev", "test": "test", "eval": "test", "adapt": "adapt"}
    values: dict[str, str] = {}
    for part in parts:
        split = next((split for start, split in starts.items() if part.lower().startswith(start)), None)
        if split is None:
            raise ParamsError(f"the part {part!r} of the corpus is no split by its name; leave --official-splits out")
        values[part] = split
    if not {"train", "test"} <= set(values.values()):
        named = ", ".join(parts) or "no parts"
        raise ParamsError(
            f"the corpus has {named}, but official splits need one to train on and one to test on; leave "
            "--official-splits out, and speaker-disjoint splits are made"
        )
    return values


def checksums(root: Path, paths: list[Path]) -> dict[str, str]:
    """The checksums of files by their path below `root`."""
    return {path.relative_to(root).as_posix(): checksum(path) for path in paths}
