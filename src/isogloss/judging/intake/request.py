"""The request of an audit: its files and options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from isogloss.config import StatisticsParams
from isogloss.errors import ParamsError


@dataclass(frozen=True, kw_only=True)
class Request:
    """The files and choices of an audit. Either `table`, or `ref` and `hyp` as files of transcripts.

    Raises
    ------
    ParamsError
        Choices do not fit together.
    """

    table: Path | None = None
    """Any table that `isogloss.io` reads; one row an utterance."""
    separator: str | None = None
    """Separator of CSV and TSV files; None: detected from header and suffix."""
    ids_required: bool = False
    """Whether a table must have utterance ids; else its rows are numbered."""
    after: Path | None = None
    """A table of the same utterances with the hypotheses of a second system."""
    ref: Path | None = None
    hyp: Path | None = None
    after_hyp: Path | None = None
    utt2spk: Path | None = None
    attributes: Path | None = None
    """A table of further columns, with one row per speaker or utterance."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The names of columns in the table, by their names in Isogloss."""
    hypotheses: tuple[tuple[str, str], ...] = ()
    """Several systems of one table: the name of each, and the column of its hypotheses."""
    system_column: str | None = None
    """The column that names the system, in a table with one row per utterance and system."""
    speaker_pattern: str | None = None
    """A regular expression whose one group is the speaker, in an utterance id."""
    missing_as_deletions: bool = False
    """Count the words of utterances that have no hypothesis as deleted."""
    name: str = "before"
    """Name of the system in outputs."""
    after_name: str = "after"
    by: tuple[str, ...] = ()
    """Columns whose values are cohorts; `a+b` for the intersections of two or more."""
    discover: tuple[str, ...] = ()
    """Names of cohort rules."""
    divisions: int = 1
    """How often the speakers are divided for `discover`; the figures of cohorts are those of the first division."""
    zips: Path | None = None
    """A table of demographic figures, with one row per ZIP code."""
    embeddings: Path | None = None
    """A Parquet file with the columns `vector` and either `utterance_id` or `speaker_id`."""
    normalise: tuple[str, ...] = ("none",)
    speakers_unknown: bool = False
    allow_empty: bool = False
    """Keep rows with an empty reference: their insertions count."""
    min_speakers: int = 5
    """Smallest number of speakers of a figure that is shown."""
    max_cohorts: int = 10
    """Largest number of cohorts that a rule may find."""
    within: tuple[str, ...] = ()
    """Columns whose values are strata, within which cohorts are compared too."""
    adjust: tuple[str, ...] = ()
    """Columns of text or numbers for which the comparison of each cohort with all others is adjusted too."""
    statistics: StatisticsParams = field(default_factory=StatisticsParams)

    def __post_init__(self) -> None:
        if (self.table is None) == (self.ref is None):
            raise ParamsError("give either a TABLE, or --ref and --hyp with Kaldi text files")
        for option, value in (("--hyp", self.hyp), ("--after-hyp", self.after_hyp), ("--utt2spk", self.utt2spk)):
            if self.table is not None and value is not None:
                raise ParamsError(f"{option} belongs to Kaldi text files, which --ref begins; leave TABLE or it out")
        if self.ref is not None and self.hyp is None:
            raise ParamsError("--ref needs --hyp: a Kaldi text file with the hypotheses of the same utterances")
        if self.ref is not None and self.after is not None:
            raise ParamsError("--after is a table; the second system's Kaldi text file is named by --after-hyp")
        if self.paired and self.name == self.after_name:
            raise ParamsError(f"--name and --after-name are both {self.name!r}; give the two systems different names")
        self._check_systems()
        for option, values in (
            *(("--by", self.by), ("--discover", self.discover)),
            *(("--within", self.within), ("--adjust", self.adjust)),
        ):
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ParamsError(f"{option} {twice!r} is given twice; once is enough")
        if self.speakers_unknown and self.discover:
            raise ParamsError(
                "--discover needs speakers: cohorts are chosen on one half of them and judged on the other; "
                "leave --speakers-unknown out"
            )
        if self.divisions > 1 and not self.discover:
            raise ParamsError("--divisions says how often --discover divides the speakers; add --discover")
        self._refuse_ignored()
        self._refuse_missing_tables()

    def _refuse_ignored(self) -> None:
        """Raise if a choice would be ignored, since it is about another one that was not made."""
        for option, value in (("--within", self.within), ("--adjust", self.adjust)):
            if value and not self.by and not self.discover:
                raise ParamsError(f"{option} is about the comparison of cohorts; name them with --by or --discover")
        for option, path in (("--zips", self.zips), ("--embeddings", self.embeddings)):
            if path is not None and not self.discover:
                raise ParamsError(f"{option} is the input of a rule; add --discover, or leave {option} out")
        if self.ref is not None and self.system_column is not None:
            raise ParamsError("--system-column is a column of TABLE, and --ref takes its place; leave one out")
        if self.hypotheses and "hyp" in self.columns:
            raise ParamsError("--hyp NAME=COLUMN and --column hyp=... both name the column of hypotheses; choose one")
        if self.utt2spk is not None and self.speaker_pattern is not None:
            raise ParamsError("--utt2spk and --speaker-pattern both say who spoke; leave one out")
        if self.utt2spk is not None and self.speakers_unknown:
            raise ParamsError("--utt2spk says who spoke, --speakers-unknown that nobody knows; leave one out")

    def _check_systems(self) -> None:
        """Raise if several systems are named in more than one way, or twice."""
        ways = [bool(self.hypotheses), self.system_column is not None, self.after is not None]
        if sum(ways) > 1:
            raise ParamsError("--hyp NAME=COLUMN, --system-column and --after name systems in three ways; choose one")
        names = [name for name, _ in self.hypotheses]
        columns = [column for _, column in self.hypotheses]
        for what, values in (("system", names), ("column", columns)):
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ParamsError(f"--hyp: {what} {twice!r} is named twice; a system has one name and one column")
        if self.speaker_pattern is not None and self.speakers_unknown:
            raise ParamsError("--speaker-pattern says who spoke, --speakers-unknown that nobody knows; leave one out")

    def _refuse_missing_tables(self) -> None:
        """Raise if the input of a rule is missing."""
        if "geodemographic" in self.discover and self.zips is None:
            raise ParamsError(
                "--discover geodemographic needs --zips: a table of demographic figures, a row a ZIP code"
            )
        if "automatic" in self.discover and self.embeddings is None:
            raise ParamsError("--discover automatic needs --embeddings: a parquet file of utterance_id and vector")
        if "attribute" in self.discover and not self.by:
            raise ParamsError("--discover attribute needs --by: the columns whose values are crossed")

    @property
    def kaldi(self) -> tuple[Path, Path]:
        """The files of references and hypotheses of a request without a table."""
        if self.ref is None or self.hyp is None:
            raise ParamsError("the request names a table and no Kaldi text files")
        return self.ref, self.hyp

    @property
    def paired(self) -> bool:
        """Whether there is a second system."""
        return self.after is not None or self.after_hyp is not None
