"""Rows become utterances: identifiers, normalised text, split, attributes, and the span as written."""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from isogloss.corpus.description import SpeakerTable, SplitColumn, TableDescription
from isogloss.corpus.ingest.attributes import Attributes, read_attributes
from isogloss.errors import TableError
from isogloss.io.cells import Cell, cells, identifier, number, text
from isogloss.io.normalise import ReferenceNormaliser
from isogloss.io.source import Source
from isogloss.io.table_reader import read_table

CellsByColumn = dict[str, list[Cell]]


@dataclass(frozen=True, slots=True)
class Utterance:
    """A row whose cells have been read; nothing is known of its audio yet."""

    row: int
    utterance_id: str
    speaker_id: str
    audio: str
    """Path relative to the corpus' root, normalised; also the id of the recording."""
    text: str
    start: float | None
    """In the description's unit, as `duration`; None where the table does not say."""
    duration: float | None
    sample_rate: float | None
    """Rate that start and duration count in, where the table says so."""
    split: str | None
    attributes: Attributes


def read_utterances(description: TableDescription, root: Path) -> tuple[Source, list[Utterance]]:
    """Read the tables of a corpus; the audio is not touched.

    Raises
    ------
    TableError
        For the first row that cannot be used, with its place in the file.
    """
    columns = description.columns
    optional = [columns.utterance_id, columns.start, columns.duration, _rate_column(description)]
    if description.split:
        optional.append(description.split.column)
    wanted = [columns.audio, columns.text, columns.speaker_id, *optional, *description.attributes.values()]
    table, found = _read_columns(root / description.table, [c for c in wanted if c], description.sha256)
    speakers = _read_speakers(description.speakers, root) if description.speakers else None
    rules = description.text
    normalise = ReferenceNormaliser(rules.keep, punctuation=rules.punctuation, others=rules.others)
    utterances = [_utterance(description, table, found, row, normalise, speakers) for row in range(table.rows)]
    _refuse_duplicates(table, utterances)
    _refuse_shared_speakers(table, utterances)
    return table, utterances


def _read_columns(path: Path, wanted: list[str], sha256: str | None) -> tuple[Source, CellsByColumn]:
    """A table and the cells of the columns that are wanted."""
    table = read_table(path, count="lines", sha256=sha256, columns=wanted)
    return table, {name: cells(table, name) for name in dict.fromkeys(wanted)}


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
) -> Utterance:
    """One row, checked cell by cell."""
    columns, place = description.columns, table.place(row)

    def cell(column: str | None) -> Cell:
        return found[column][row] if column else None

    speaker_id = identifier(cell(columns.speaker_id), f"{place}: {columns.speaker_id}")
    audio = _relative_path(text(cell(columns.audio), f"{place}: {columns.audio}"), place)
    reference = normalise(text(cell(columns.text), f"{place}: {columns.text}"), where=place)
    start, duration, sample_rate = _span(description, place, cell)
    if columns.utterance_id:
        utterance_id = identifier(cell(columns.utterance_id), f"{place}: {columns.utterance_id}")
    else:
        utterance_id = _made_id(audio, start, unit=description.unit)
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
    )


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


def _relative_path(audio: str, place: str) -> str:
    """A normalised path below the corpus' root."""
    path = posixpath.normpath(audio.replace("\\", "/"))
    if posixpath.isabs(path) or path.split("/")[0] == "..":
        raise TableError(
            f"{place}: audio {audio!r} is not below the corpus' root; give paths relative to root, and a "
            "root that holds table and audio"
        )
    return path


def _made_id(audio: str, start: float | None, *, unit: str) -> str:
    """An id for a corpus that has none, of file and start alone, so that the order of rows is free."""
    if start is None:
        return audio
    return f"{audio}@{start:010.3f}" if unit == "seconds" else f"{audio}@{start:010.0f}"


def _split(split: SplitColumn, cell: Cell, place: str) -> str:
    """Our name of a row's split."""
    value = identifier(cell, f"{place}: {split.column}")
    if value not in split.values:
        raise TableError(
            f"{place}: {split.column} is {value!r}, which split.values does not list; it has {', '.join(split.values)}"
        )
    return split.values[value]


def _read_speakers(description: SpeakerTable, root: Path) -> Callable[[str, str], Attributes]:
    """A look-up of speakers' attributes by id and the place that asks."""
    wanted = [description.speaker_id, *description.attributes.values()]
    table, found = _read_columns(root / description.table, wanted, description.sha256)
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


def _refuse_duplicates(table: Source, utterances: list[Utterance]) -> None:
    """Refuse an utterance id that two rows share."""
    seen: dict[str, int] = {}
    for utterance in utterances:
        first = seen.setdefault(utterance.utterance_id, utterance.row)
        if first != utterance.row:
            raise TableError(
                f"{table.place(utterance.row)}: utterance id {utterance.utterance_id!r} is already in "
                f"{table.position(first)}; ids must be unique"
            )


def _refuse_shared_speakers(table: Source, utterances: list[Utterance]) -> None:
    """Refuse a speaker of two splits, other than train and adapt."""
    seen: dict[str, Utterance] = {}
    for utterance in utterances:
        first = seen.setdefault(utterance.speaker_id, utterance)
        pair = {first.split, utterance.split}
        if len(pair) > 1 and pair != {"train", "adapt"}:
            raise TableError(
                f"{table.place(utterance.row)}: speaker {utterance.speaker_id!r} is in {utterance.split}, "
                f"but in {first.split} in {table.position(first.row)}; give a speaker one split"
            )
