"""The rows of a ZIP table that describe the ZIPs of a corpus."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from isogloss.corpus.description import ZipTable
from isogloss.corpus.frontend.audio_root import resolve_root
from isogloss.corpus.ingest.utterances import Utterance
from isogloss.errors import TableError
from isogloss.io.cells import cells
from isogloss.io.table_reader import read_table
from isogloss.zips import KEYS, normalised_zips


def read_zips(description: ZipTable, utterances: Iterable[Utterance], *, repository: Path | str = ".") -> pd.DataFrame:
    """The rows of a ZIP table whose ZIPs occur in a corpus: `zip`, then every column that holds numbers alone.

    Raises
    ------
    CorpusError
        The table's folder does not exist.
    TableError
        The table cannot be read, has no column of ZIPs or the same ZIP twice, or none of its ZIPs occurs in the corpus.
    """
    location = Path(description.table)
    path = resolve_root(location.parent.as_posix(), repository) / location.name
    source = read_table(path, count="lines", sha256=description.sha256)
    names = source.names
    key = next((name for name in KEYS if name in names), None)
    if key is None:
        raise TableError(f"{path}: there is no column 'zip' (or 'zcta') that says which ZIP a row describes")
    table = pd.DataFrame({name: cells(source, name) for name in names}, dtype=object)
    codes = normalised_zips(table[key].astype("str"))
    spoken = pd.Series([u.attributes.get("zip") for u in utterances], dtype="str").dropna()
    wanted = codes.isin(set(normalised_zips(spoken).dropna()))
    if not wanted.any():
        raise TableError(f"{path}: none of its ZIPs occurs in the corpus; correct `zips` or the attribute `zip`")
    twice = codes[wanted & codes.duplicated()]
    if len(twice):
        raise TableError(f"{path}: ZIP {twice.iloc[0]} has more than one row; keep one")
    figures = {name: column for name in names if name != key and (column := _numbers(table[name])) is not None}
    rows = pd.DataFrame({"zip": codes.astype("str"), **figures})[wanted]
    return rows.sort_values("zip", ignore_index=True)


def _numbers(cells: pd.Series) -> pd.Series | None:
    """A column as numbers, NaN where a cell is empty; None where one holds something else."""
    try:
        return pd.to_numeric(cells).astype("float64")
    except (TypeError, ValueError):
        return None
