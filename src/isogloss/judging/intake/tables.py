"""The rows of a table as texts or counts of one system or several, checked row by row."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.checks import LARGEST
from isogloss.errors import TableError
from isogloss.io.attributes import Attributes
from isogloss.io.cells import number_column, text_column
from isogloss.io.normalise import normalise
from isogloss.io.roles import Roles
from isogloss.io.source import Source
from isogloss.io.table_reader import read_table
from isogloss.judging.intake.counts import read_counts
from isogloss.judging.intake.layout import Layout, ids_of, layout_of, speakers_in, three
from isogloss.judging.intake.request import Request


@dataclass(frozen=True)
class Read:
    """Rows as they were read: either texts (`ref` and `hyps`) or counts of errors (`counts`)."""

    ids: pd.Series
    speakers: pd.Series | None
    ref: pd.Series
    hyps: dict[str, pd.Series]
    """The hypotheses by system."""
    weight: pd.Series
    attributes: Attributes
    where: str
    """Name of the table in error messages."""
    counts: dict[str, pd.DataFrame] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_rows(source: Source, request: Request) -> Read:
    """The rows of a table.

    Raises
    ------
    TableError
        A column is missing, a reference or an id is empty or an id occurs twice, or a weight or count is impossible.
    """
    layout = layout_of(
        source, request, ids=request.after is not None or request.system_column is not None or request.ids_required
    )
    if layout.system is not None:
        return _long(source, layout, request)
    ids = _ids(source, layout)
    read = _shared(source, layout, request, ids)
    if layout.holds == "counts":
        counts = read_counts(source, layout.counts, allow_empty=request.allow_empty)
        return replace(read, counts={request.name: counts})
    return replace(read, hyps={name: text_column(source, column) for name, column in layout.hypotheses})


def empty_hypotheses(empty: dict[str, int]) -> list[str]:
    """Warnings, from the number of empty hypotheses of each system."""
    return [
        f"{number} hypotheses{'' if len(empty) == 1 else f' of {name}'} are empty: all words of theirs count as deleted"
        for name, number in empty.items()
        if number
    ]


def _shared(source: Source, layout: Layout, request: Request, ids: pd.Series) -> Read:
    """The columns that all systems share."""
    if layout.pattern is not None:
        speakers: pd.Series | None = speakers_in(ids, layout.pattern, str(source.path))
    else:
        speakers = None if layout.speaker is None else text_column(source, layout.speaker)
    ref = pd.Series(np.nan, index=ids.index)
    if layout.reference is not None:
        ref = text_column(source, layout.reference)
        check_references(ref, source, layout.reference, request)
    attributes = Attributes(ids, speakers)
    attributes.add(source, Roles(source, request.columns))
    weight = pd.Series(1.0, index=ids.index) if layout.weight is None else _weights(source, layout.weight)
    return Read(ids, speakers, ref, {}, weight, attributes, str(source.path))


def _ids(source: Source, layout: Layout) -> pd.Series:
    """The utterance ids, or the numbers of the rows."""
    if layout.utterance_id is None:
        return pd.Series([str(number) for number in range(1, source.rows + 1)], dtype="str")
    return ids_of(source, layout.utterance_id)


def _long(source: Source, layout: Layout, request: Request) -> Read:
    """A table with one row per utterance and system: the rows of the first system, with the others joined to them."""
    named = text_column(source, layout.system or "")
    if named.isna().any():
        row = int(np.flatnonzero(named.isna())[0])
        raise TableError(
            f"{source.place(row)}: column {layout.system!r} is empty; every row needs the name of a system"
        )
    systems = list(named.unique())
    parts = {name: _rows_of(source, np.flatnonzero(named == name)) for name in systems}
    first, ids = systems[0], ids_of(parts[systems[0]], layout.utterance_id or "")
    read = _shared(parts[first], layout, request, ids)
    rows = {name: aligned(ids_of(part, layout.utterance_id or ""), ids, (first, name)) for name, part in parts.items()}
    for name, part in parts.items():
        if layout.speaker is not None:
            refuse_other_speakers(
                read.speakers, taken(text_column(part, layout.speaker), rows[name]), ids, (first, name)
            )
    if layout.holds == "counts":
        counts = {}
        for name, part in parts.items():
            held = read_counts(part, layout.counts, allow_empty=request.allow_empty)
            counts[name] = held.iloc[rows[name]].reset_index(drop=True)
            _refuse_other_words(counts[first]["words"], counts[name]["words"], ids, (first, name))
        return replace(read, counts=counts)
    hyps = {}
    for name, part in parts.items():
        ref = text_column(part, layout.reference or "").iloc[rows[name]].reset_index(drop=True)
        refuse_other_references(read.ref, ref, ids, request, (first, name))
        hyps[name] = text_column(part, layout.hypotheses[0][1]).iloc[rows[name]].reset_index(drop=True)
    return replace(read, hyps=hyps)


def _rows_of(source: Source, rows: np.ndarray) -> Source:
    """Some rows of a table as a new table, which keeps their places in the file for messages."""
    numbers = (np.arange(1, source.rows + 1) if source.numbers is None else source.numbers())[rows]

    def values(name: str) -> list[object]:
        held = source.values(name)
        return [held[row] for row in rows]

    return replace(
        source,
        rows=len(rows),
        column=lambda name: source.column(name).reset_index(drop=True).iloc[rows],
        values=values,
        numbers=lambda: numbers,
    )


def with_second(read: Read, request: Request, before: Path, after: Path) -> Read:
    """The rows with the hypotheses or counts of the table `after` added, in the order of the first table.

    Raises
    ------
    TableError
        It is the same file, or holds other utterances, speakers or references.
    """
    if before.resolve() == after.resolve():
        raise TableError(f"{after} is TABLE and --after at once; name the table of the second system")
    source = read_table(after, separator=request.separator)
    columns = {role: name for role, name in request.columns.items() if name in source.names}
    roles = Roles(source, columns)
    counted = bool(read.counts)
    if counted:
        layout = layout_of(source, replace(request, columns=columns, speakers_unknown=True), ids=True)
        if layout.holds != "counts":
            raise TableError(f"{before} holds counts, {after} none; give both systems as counts or both as texts")
    own = ids_of(source, roles.require("utterance_id"))
    names = (str(before), str(after))
    missing = counted or not request.missing_as_deletions
    rows = aligned(own, read.ids, names, may_miss=not missing)
    speaker = columns.get("speaker_id") if "speaker_id" in request.columns else roles.find("speaker_id")
    if speaker is not None and request.speaker_pattern is None and not request.speakers_unknown:
        refuse_other_speakers(read.speakers, taken(text_column(source, speaker), rows), read.ids, names)
    if counted:
        counts = read_counts(source, layout.counts, allow_empty=True).iloc[rows].reset_index(drop=True)
        _refuse_other_words(read.counts[request.name]["words"], counts["words"], read.ids, names)
        return replace(read, counts={request.name: read.counts[request.name], request.after_name: counts})
    ref_name, hyp_name = roles.find("ref"), roles.require("hyp")
    if ref_name is not None:
        other = taken(text_column(source, ref_name), rows)
        refuse_other_references(read.ref.mask(rows < 0), other, read.ids, request, names)
    lost = int((rows < 0).sum())
    said = (f"{lost} utterances have no hypothesis in {after}",) * bool(lost)
    hyps = {request.name: read.hyps[request.name], request.after_name: taken(text_column(source, hyp_name), rows)}
    return replace(read, hyps=hyps, warnings=(*read.warnings, *said))


def taken(values: pd.Series, rows: np.ndarray) -> pd.Series:
    """The values of some rows; NaN for row -1."""
    return values.reindex(np.where(rows < 0, len(values), rows)).reset_index(drop=True)


def aligned(own: pd.Series, ids: pd.Series, names: tuple[str, str], *, may_miss: bool = False) -> np.ndarray:
    """The row of each id in another table, -1 for a missing one if `may_miss`; raises if the ids are not the same."""
    rows = pd.Index(own).get_indexer(pd.Index(ids))
    surplus = own[pd.Index(ids).get_indexer(pd.Index(own)) < 0]
    missing = ids[rows < 0]
    if (len(missing) and (not may_miss or len(missing) == len(ids))) or len(surplus):
        less = "" if may_miss or len(surplus) else ", or pass --missing-as-deletions"
        raise TableError(
            f"{len(missing) + len(surplus)} utterance ids differ: {len(missing)} only in {names[0]}, {len(surplus)} "
            f"only in {names[1]} ({three([*missing, *surplus])}); both must hold the same utterances{less}"
        )
    return rows


def refuse_other_references(
    ref: pd.Series, other: pd.Series, ids: pd.Series, request: Request, names: tuple[str, str]
) -> None:
    """Raise if two systems have different references after normalisation."""
    texts = [normalise(one.fillna("").to_numpy(dtype=object).tolist(), request.normalise) for one in (ref, other)]
    differ = [i for i, (one, two) in enumerate(zip(*texts, strict=True)) if one != two]
    if differ:
        raise TableError(
            f"{len(differ)} references differ between {names[0]} and {names[1]} "
            f"({three(ids.iloc[differ])}); both systems must be judged by the same references"
        )


def refuse_other_speakers(speakers: pd.Series | None, other: pd.Series, ids: pd.Series, names: tuple[str, str]) -> None:
    """Raise where the same utterances are of other speakers, as far as both tables name them."""
    if speakers is None:
        return
    known = speakers.notna().to_numpy() & other.notna().to_numpy()
    differ = np.flatnonzero(known & (speakers.to_numpy(dtype=object) != other.to_numpy(dtype=object)))
    if differ.size:
        raise TableError(
            f"{differ.size} utterances are of another speaker in {names[0]} than in {names[1]} "
            f"({three(ids.iloc[differ])}); both systems must be judged on the same utterances"
        )


def _refuse_other_words(words: pd.Series, other: pd.Series, ids: pd.Series, names: tuple[str, str]) -> None:
    """Raise where the reference words of two systems' counts differ."""
    differ = np.flatnonzero(words.to_numpy() != other.to_numpy())
    if differ.size:
        raise TableError(
            f"{differ.size} rows count other reference words in {names[0]} than in {names[1]} "
            f"({three(ids.iloc[differ])}); both systems must be judged by the same references"
        )


def check_references(ref: pd.Series, source: Source, name: str, request: Request) -> None:
    """Refuse empty references, unless the request allows them."""
    empty = np.flatnonzero(ref.isna())
    if empty.size == len(ref):
        raise TableError(f"{source.path}: column {name!r} is empty in every row; is it the right column?")
    if empty.size and not request.allow_empty:
        refuse_empty(empty.size, len(ref), f"{source.place(int(empty[0]))}: column {name!r}")


def refuse_empty(number: int, rows: int, where: str) -> None:
    """Raise the error that says that references are empty, and what can be done."""
    raise TableError(
        f"{where} is empty, as are {number} of {rows} references; leave these rows out, or pass --allow-empty, which "
        "counts their hypotheses as insertions"
    )


def _weights(source: Source, name: str) -> pd.Series:
    """Weights, checked: each is 0 or of a possible size, and some are positive."""
    weight = number_column(source, name)
    possible = (weight == 0) | ((weight >= 1 / LARGEST) & (weight <= LARGEST))
    wrong = np.flatnonzero(~possible)
    if wrong.size:
        row = int(wrong[0])
        held = "empty" if np.isnan(weight[row]) else f"{weight[row]:g}"
        raise TableError(
            f"{source.place(row)}: weight {name!r} is {held}; give 0, or {1 / LARGEST:g} to {LARGEST:g} (1 where "
            "nothing is known)"
        )
    if not (weight > 0).any():
        raise TableError(f"{source.path}: weight {name!r} is 0 in every row, so nothing counts; give positive ones")
    return weight
