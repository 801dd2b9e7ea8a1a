"""From rows to utterances: identifiers, normalised text, split, attributes, and the span as written."""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from isogloss.corpus.description import SpeakerTable, SplitColumn, TableDescription
from isogloss.corpus.ingest.attributes import Attributes, read_attributes
from isogloss.corpus.ingest.left_out import LeftOut
from isogloss.errors import TableError
from isogloss.io.cells import Cell, cells, identifier, number, text
from isogloss.io.normalise import ReferenceNormaliser
from isogloss.io.source import Source
from isogloss.io.table_reader import read_table
from isogloss.tables import require_columns

CellsByColumn = dict[str, list[Cell]]
CHANNEL_NAMES = {"a": 0, "left": 0, "b": 1, "right": 1}
"""The sides of a telephone call, as corpora name them."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A row whose cells have been read and whose audio has not been checked."""

    row: int
    utterance_id: str
    speaker_id: str
    audio: str
    """Path relative to the audio root, normalised; also the id of the recording."""
    text: str
    start: float | None
    """In the description's `unit`, as `duration` is; None if the table does not say it."""
    duration: float | None
    sample_rate: float | None
    """Sampling rate in Hz to which start and duration refer; None if the table does not say it."""
    split: str | None
    attributes: Attributes
    channel: int | None = None
    """The channel that the row names; None if it names none."""


def read_utterances(
    table: Source, description: TableDescription, *, root: Path, audio_root: Path, left_out: LeftOut
) -> list[Utterance]:
    """Read the rows of a corpus; the audio is not read.

    Parameters
    ----------
    table
        One row an utterance, with the columns that the description names.
    root
        Folder of the table of speakers.
    audio_root
        The folder that paths of audio are relative to; absolute paths below it become relative ones.
    left_out
        Decides about rows that cannot be used.

    Raises
    ------
    TableError
        A column is missing or of mixed types; or for the first row that cannot be used, with its place in the file.
    """
    columns = description.columns
    optional = [columns.utterance_id, columns.start, columns.duration, columns.channel, _rate_column(description)]
    if description.split:
        optional.append(description.split.column)
    wanted = [columns.audio, columns.text, columns.speaker_id, *optional, *description.attributes.values()]
    found = _cells(table, [column for column in wanted if column])
    speakers = _read_speakers(description.speakers, root) if description.speakers else None
    rules = description.text
    normalise = ReferenceNormaliser(rules.keep, punctuation=rules.punctuation, others=rules.others)
    below = posixpath.join(posixpath.normpath(audio_root.absolute().as_posix()), "")
    utterances: list[Utterance] = []
    first = _First(table)
    for row in range(table.rows):
        try:
            utterance = _utterance(description, table, found, row, normalise, speakers, below)
            first.refuse_duplicate(utterance)
        except TableError as error:
            left_out.refuse(error)
        else:
            utterances.append(utterance)
    if not utterances:
        raise TableError(f"{table.path}: no row can be used, the first: {left_out.sentences[0]}")
    return utterances


def _cells(table: Source, wanted: list[str]) -> CellsByColumn:
    """The cells of the columns that are wanted."""
    require_columns(pd.DataFrame(columns=table.names), wanted, where=str(table.path))
    return {name: cells(table, name) for name in dict.fromkeys(wanted)}


def _rate_column(description: TableDescription) -> str | None:
    """The column that holds the rate of start and duration, if one does."""
    return description.sample_rate if isinstance(description.sample_rate, str) else None


def _utterance(
    description: TableDescription,
    table: Source,
    found: CellsByColumn,
    row: int,
    normalise: ReferenceNormaliser,
    speakers: Callable[[str, str], Attributes] | None,
    below: str,
) -> Utterance:
    """One row, checked cell by cell."""
    columns, place = description.columns, table.place(row)

    def cell(column: str | None) -> Cell:
        return found[column][row] if column else None

    audio = _relative_path(text(cell(columns.audio), f"{place}: {columns.audio}"), place, below)
    reference = ""
    if columns.text:
        reference = normalise(text(cell(columns.text), f"{place}: {columns.text}"), where=place)
    start, duration, sample_rate = _span(description, place, cell)
    channel = _channel(cell(columns.channel), f"{place}: {columns.channel}") if columns.channel else None
    if columns.utterance_id:
        utterance_id = identifier(cell(columns.utterance_id), f"{place}: {columns.utterance_id}")
    else:
        utterance_id = _made_id(audio, channel, start, unit=description.unit)
    speaker_id = utterance_id
    if columns.speaker_id:
        speaker_id = identifier(cell(columns.speaker_id), f"{place}: {columns.speaker_id}")
    attributes = read_attributes({name: cell(c) for name, c in description.attributes.items()}, place)
    if speakers:
        attributes |= speakers(speaker_id, place)
    return Utterance(
        row=row,
        utterance_id=utterance_id,
        speaker_id=speaker_id,
        audio=audio,
        text=reference,
        start=start,
        duration=duration,
        sample_rate=sample_rate,
        split=_split(description.split, cell(description.split.column), place) if description.split else None,
        attributes=attributes,
        channel=channel,
    )


def _channel(cell: Cell, where: str) -> int | None:
    """The number of a channel, from 0; sides of a call may be named. None where the row names none."""
    if cell is None:
        return None
    written = str(cell).strip().lower()
    if written in CHANNEL_NAMES:
        return CHANNEL_NAMES[written]
    if not isinstance(cell, bool) and written.isdecimal() and written.isascii():
        return int(written[:9])
    raise TableError(f"{where} is {cell!r}; give the number of a channel, from 0, or A, B, left or right")


def _span(
    description: TableDescription, place: str, cell: Callable[[str | None], Cell]
) -> tuple[float | None, float | None, float | None]:
    """Start, duration and their rate as the row gives them."""
    columns = description.columns
    rate_column = _rate_column(description)
    numbers: dict[str, float | None] = {}
    for column in (columns.start, columns.duration, rate_column):
        if column:
            value = number(cell(column), f"{place}: {column}")
            if value is not None and description.unit == "samples" and not value.is_integer():
                raise TableError(f"{place}: {column} is {value:g}, but samples are whole numbers; correct it or `unit`")
            numbers[column] = value
    start = numbers.get(columns.start or "")
    duration = numbers.get(columns.duration or "")
    rate = numbers[rate_column] if rate_column else description.sample_rate
    if start is not None and start < 0:
        raise TableError(f"{place}: {columns.start} is {start:g}; an utterance cannot start before its audio")
    if duration is not None and duration <= 0:
        raise TableError(f"{place}: {columns.duration} is {duration:g}; a duration must be positive")
    if columns.start and start is None and duration is not None:
        raise TableError(
            f"{place}: {columns.start} is empty, but {columns.duration} is {duration:g}; give both or neither"
        )
    if rate_column and (rate is None or float(rate) <= 0):
        raise TableError(f"{place}: {rate_column} is {rate if rate is None else f'{rate:g}'}; give a rate in Hz")
    return start, duration, None if rate is None else float(rate)


def _relative_path(audio: str, place: str, below: str) -> str:
    """A normalised path below the audio root."""
    path = posixpath.normpath(audio.replace("\\", "/")).removeprefix(below)
    if posixpath.isabs(path):  # The same folder may have several names, by links.
        path = posixpath.join(_real_folder(posixpath.dirname(path)), posixpath.basename(path))
        path = path.removeprefix(posixpath.join(_real_folder(below), ""))
    if posixpath.isabs(path) or path.split("/")[0] == "..":
        raise TableError(
            f"{place}: audio {audio!r} is not below the corpus' root; give paths relative to root, or an audio_root "
            "that holds all audio"
        )
    return path


@cache
def _real_folder(folder: str) -> str:
    """A folder without links in its path."""
    return posixpath.realpath(folder)


def _made_id(audio: str, channel: int | None, start: float | None, *, unit: str) -> str:
    """An id for a corpus without ids, made from file, channel and start: it does not depend on the order of rows."""
    heard = audio if channel is None else f"{audio}#{channel}"
    if start is None:
        return heard
    return f"{heard}@{start:010.3f}" if unit == "seconds" else f"{heard}@{start:010.0f}"


def _split(split: SplitColumn, cell: Cell, place: str) -> str:
    """Our name of a row's split."""
    value = identifier(cell, f"{place}: {split.column}")
    if value not in split.values:
        raise TableError(
            f"{place}: {split.column} is {value!r}, which split.values does not list; it has {', '.join(split.values)}"
        )
    return split.values[value]


def _read_speakers(description: SpeakerTable, root: Path) -> Callable[[str, str], Attributes]:
    """A function that looks up a speaker's attributes by id; it also takes the place for messages."""
    wanted = [description.speaker_id, *description.attributes.values()]
    table = read_table(root / description.table, count="lines", sha256=description.sha256)
    found = _cells(table, wanted)
    rows: dict[str, int] = {}
    known: dict[str, Attributes] = {}
    for row in range(table.rows):
        place = table.place(row)
        speaker = identifier(found[description.speaker_id][row], f"{place}: {description.speaker_id}")
        if speaker in rows:
            raise TableError(
                f"{place}: speaker {speaker!r} is already in {table.position(rows[speaker])}; keep one row a speaker"
            )
        rows[speaker] = row
        known[speaker] = read_attributes({n: found[c][row] for n, c in description.attributes.items()}, place)

    def look_up(speaker: str, place: str) -> Attributes:
        if speaker not in known:
            raise TableError(f"{place}: speaker {speaker!r} is not in {table.path}; add a row (cells may be empty)")
        return known[speaker]

    return look_up


class _First:
    """The first rows of ids and of speakers, which later rows must not contradict."""

    def __init__(self, table: Source) -> None:
        self._table = table
        self._rows: dict[str, int] = {}
        self._of_speaker: dict[str, Utterance] = {}

    def refuse_duplicate(self, utterance: Utterance) -> None:
        """Refuse an id that an earlier row has, and a speaker of two splits other than train and adapt."""
        place = self._table.place(utterance.row)
        first = self._rows.get(utterance.utterance_id)
        if first is not None:
            raise TableError(
                f"{place}: utterance id {utterance.utterance_id!r} is already in {self._table.position(first)}; "
                "ids must be unique"
            )
        other = self._of_speaker.get(utterance.speaker_id, utterance)
        pair = {other.split, utterance.split}
        if len(pair) > 1 and pair != {"train", "adapt"}:
            raise TableError(
                f"{place}: speaker {utterance.speaker_id!r} is in {utterance.split}, but in {other.split} in "
                f"{self._table.position(other.row)}; give a speaker one split"
            )
        self._rows[utterance.utterance_id] = utterance.row
        self._of_speaker[utterance.speaker_id] = other
