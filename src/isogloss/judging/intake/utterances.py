"""Checked tables of word errors from the user's files: a table, a NeMo manifest, or files of transcripts."""

from dataclasses import dataclass

import pandas as pd

from isogloss.io.attributes import Attributes
from isogloss.io.table_reader import read_table
from isogloss.judging.intake.counting import NO_HASHES, Hashes, check_speakers, count
from isogloss.judging.intake.request import Request
from isogloss.judging.intake.scoring_files import read_scoring_files
from isogloss.judging.intake.streaming import stream_rows
from isogloss.judging.intake.tables import read_rows, with_second


@dataclass(frozen=True)
class Utterances:
    """The utterances of an audit. The tables of `systems` have the same rows, in the same order.

    Columns: utterance_id (the number of the row), speaker_id, weight, words, and substitutions, deletions, insertions
    or their sum errors; utterances where rows are sums of several.
    """

    ids: pd.Series
    systems: dict[str, pd.DataFrame]
    """Tables by the name of the system, in the order in which they were named."""
    attributes: Attributes
    warnings: tuple[str, ...]
    hashes: Hashes
    """Hashes of each normalised reference and each hypothesis (or count) of the first system; empty unless ids are
    required. They show whether two tables have the same texts."""

    @property
    def before(self) -> pd.DataFrame:
        """The first system."""
        return next(iter(self.systems.values()))

    @property
    def after(self) -> pd.DataFrame | None:
        """The second of two systems."""
        return None if len(self.systems) != 2 else list(self.systems.values())[1]


def read_utterances(request: Request) -> Utterances:
    """Read, join, check, normalise and align everything that a request names.

    Raises
    ------
    TableError, ParamsError
        The input does not fit; the message is one sentence.
    """
    large = stream_rows(request)
    if large is not None:
        return Utterances(*large, NO_HASHES)
    if request.table is None:
        read = read_scoring_files(request, *request.kaldi)
    else:
        read = read_rows(read_table(request.table, separator=request.separator), request)
        if request.after is not None:
            read = with_second(read, request, request.table, request.after)
    check_speakers(read, request)
    warnings = list(read.warnings)
    if request.attributes is not None:
        warnings += read.attributes.join(read_table(request.attributes, separator=request.separator))
    counted = count(read, request)
    said = (*warnings, *counted.warnings())
    return Utterances(read.ids, counted.tables, read.attributes, said, counted.hashes)
