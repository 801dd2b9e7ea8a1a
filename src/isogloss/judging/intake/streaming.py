"""Reading large tables in blocks, in one process per core, with memory for speakers instead of rows.

Statistics need only sums over the rows of a speaker in a cohort. So each block of a file is summed at once, and only
the sums are kept, with a hash of each utterance id (8 bytes a row) by which duplicates are found. Only well-formed
tables are read in this way. If anything unusual occurs (a missing cell, line ends inside quotes, a duplicate id), the
whole table is read like a small one, which reports the error and its place.
"""

import gzip
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import IsoglossError
from isogloss.io.attributes import Attributes
from isogloss.io.cells import text_column
from isogloss.io.json_tables import objects_by_line
from isogloss.io.roles import Roles
from isogloss.io.separated import SEPARATORS, plainly_quoted, separated_content, sniff
from isogloss.io.source import Source
from isogloss.judging.error_kinds import runs_away
from isogloss.judging.intake.counting import Counted, count
from isogloss.judging.intake.layout import layout_of
from isogloss.judging.intake.request import Request
from isogloss.judging.intake.tables import read_rows
from isogloss.judging.word_errors import ERROR_COLUMNS

BLOCK_BYTES = 16 << 20
LARGE_BYTES = 64 << 20
"""A table of at least this many bytes is read in blocks; a compressed one if it has at least an eighth of this."""


@dataclass
class _Part:
    """The sums of a block of rows."""

    sums: pd.DataFrame
    """One row for each combination of speaker, weight and values of the requested columns; counts of each system."""
    hashes: NDArray[np.uint64]
    counted: Counted
    """The findings that cause warnings; its tables are empty."""


def stream_rows(request: Request) -> tuple[pd.Series, dict[str, pd.DataFrame], Attributes, tuple[str, ...]] | None:
    """Ids (numbers of rows), tables of word errors by system, attributes and warnings; a row is a sum of utterances.

    None if the table is small, of another kind or in any way unusual, or if the request needs single utterances.
    """
    path = request.table
    if path is None or not _eligible(request, path):
        return None
    columns = list(dict.fromkeys([*(part.strip() for by in request.by for part in by.split("+")), *request.within]))
    try:
        parts = _parts(path, request, columns)
        return None if parts is None else _joined(path, columns, parts)
    except (IsoglossError, OSError, EOFError, BrokenProcessPool):
        return None


def _eligible(request: Request, path: Path) -> bool:
    """Whether a table is large, can be divided at lines, and only its sums are needed."""
    single = (
        request.after,
        request.attributes,
        request.system_column,
        request.discover or None,
        request.adjust or None,
    )
    if (
        not request.by
        or request.speakers_unknown
        or request.ids_required
        or any(one is not None for one in single)
        or not path.is_file()
    ):
        return False
    packed = path.suffix.lower() == ".gz"
    kind = (path.with_suffix("") if packed else path).suffix.lower()
    return kind in (".csv", ".tsv", ".jsonl") and path.stat().st_size >= LARGE_BYTES // (8 if packed else 1)


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in blocks of whole lines."""
    rest = b""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        while read := file.read(BLOCK_BYTES):
            cut = read.rfind(b"\n") + 1
            if cut:
                yield rest + read[:cut]
                rest = read[cut:]
            else:
                rest += read
    if rest.strip():
        yield rest


def _parts(path: Path, request: Request, columns: list[str]) -> Iterable[_Part] | None:
    """The sums of the blocks, in their order; None as soon as a block is unusual."""
    blocks = _blocks(path)
    first = next(blocks).removeprefix(b"\xef\xbb\xbf")
    header, separator = b"", ""
    if not path.name.lower().removesuffix(".gz").endswith(".jsonl"):
        header, _, first = first.partition(b"\n")
        header += b"\n"
        separator = request.separator or (SEPARATORS["tab"] if ".tsv" in path.suffixes else sniff(header))
    found: list[_Part] = []
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawned) as pool:
        waiting: deque[Future[_Part | None]] = deque()
        for block in (one for some in ([first], blocks) for one in some):
            waiting.append(pool.submit(_part, path, header, block, separator, request, columns))
            if len(waiting) > 2 * workers and not _take(waiting, found):
                pool.shutdown(cancel_futures=True)
                return None
        while waiting:
            if not _take(waiting, found):
                pool.shutdown(cancel_futures=True)
                return None
    return found


def _take(waiting: deque[Future[_Part | None]], found: list[_Part]) -> bool:
    """Add the sums of the oldest block to those of the blocks before it; False if it is unusual."""
    part = waiting.popleft().result()
    if part is None:
        return False
    if found:
        kept = found[0]
        counted = kept.counted
        counted.emptied += part.counted.emptied
        counted.empty = {name: number + part.counted.empty[name] for name, number in counted.empty.items()}
        kept.sums = _summed(pd.concat([kept.sums, part.sums], ignore_index=True))
        found.append(_Part(part.sums.iloc[:0], part.hashes, part.counted))
    else:
        found.append(part)
    return True


def _part(
    path: Path, header: bytes, block: bytes, separator: str, request: Request, columns: list[str]
) -> _Part | None:
    """The sums of one block of rows; None if it is unusual."""
    try:
        text = block.decode()
        if header and separator != SEPARATORS["tab"] and not plainly_quoted(header + block, separator):
            return None
        source = separated_content(path, header + block, separator=separator) if header else objects_by_line(path, text)
        if source.rows == 0:
            return None
        layout = layout_of(source, request, ids=False)
        read = read_rows(source, request)
        if read.speakers is None or read.speakers.isna().any():
            return None
        counted = count(read, request)
        keys = {f"key {number}": text_column(source, name) for number, name in enumerate(columns)}
    except (IsoglossError, UnicodeDecodeError):
        return None
    first = next(iter(counted.tables.values()))
    sums = pd.DataFrame({"speaker": read.speakers, "weight": read.weight, **keys, "words": first["words"]})
    sums["utterances"] = first.get("utterances", 1)
    for number, table in enumerate(counted.tables.values()):
        for kind in ("errors", *ERROR_COLUMNS):
            if kind in table.columns:
                sums[f"{kind} {number}"] = table[kind]
        if "insertions" in table.columns and "utterances" not in table.columns:
            sums[f"runaway {number}"] = runs_away(table).astype(np.int64)
    ids = read.ids.to_numpy(dtype=object) if layout.utterance_id is not None else np.array([], dtype=object)
    names = dict.fromkeys(counted.tables, pd.DataFrame())
    return _Part(_summed(sums), pd.util.hash_array(ids), Counted(names, counted.emptied, counted.empty, counted.hints))


def _summed(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each speaker, weight and value of the columns."""
    keys = [name for name in rows.columns if name in ("speaker", "weight") or name.startswith("key ")]
    return rows.groupby(keys, sort=True, dropna=False, as_index=False).sum()


def _joined(
    path: Path, columns: list[str], parts: Iterable[_Part]
) -> tuple[pd.Series, dict[str, pd.DataFrame], Attributes, tuple[str, ...]] | None:
    """The sums of all blocks as the tables of an audit; None if an id occurs twice or there is only one speaker."""
    listed = list(parts)
    sums, counted = listed[0].sums, listed[0].counted
    hashes = np.concatenate([part.hashes for part in listed])
    hashes.sort()  # In place, since with many rows this is most of the memory.
    if (hashes[1:] == hashes[:-1]).any() or sums["speaker"].nunique() < 2:
        return None
    ids = pd.Series([str(number) for number in range(1, len(sums) + 1)], dtype="str")
    keys = {name: sums[f"key {number}"] for number, name in enumerate(columns)}
    source = Source(
        path=path,
        names=list(keys),
        rows=len(sums),
        column=lambda name: keys[name],
        values=lambda name: keys[name].tolist(),
    )
    attributes = Attributes(ids, sums["speaker"])
    attributes.add(source, Roles(source, {}))
    shared = pd.DataFrame({"utterance_id": np.arange(len(sums)), "speaker_id": sums["speaker"]})
    shared = pd.concat([shared, sums[["weight", "words", "utterances"]]], axis=1)
    tables = {}
    for number, name in enumerate(counted.tables):
        kinds = {k: f"{k} {number}" for k in ("errors", *ERROR_COLUMNS, "runaway") if f"{k} {number}" in sums.columns}
        tables[name] = shared.assign(**{kind: sums[column] for kind, column in kinds.items()})
    return ids, tables, attributes, tuple(counted.warnings())
