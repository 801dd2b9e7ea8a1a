"""What a table of ZIP codes says of the ZIPs that a corpus has."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from isogloss.corpus.audio_root import resolve_root
from isogloss.corpus.description import ZipTable
from isogloss.corpus.ingest.reading import column_names, read_table
from isogloss.corpus.ingest.utterances import Utterance
from isogloss.errors import TableError
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
    names = column_names(path)
    key = next((name for name in KEYS if name in names), None)
    if key is None:
        raise TableError(f"{path}: there is no column 'zip' (or 'zcta') that says which ZIP a row describes")
    table = pd.DataFrame(read_table(path, names, sha256=description.sha256).columns, dtype=object)
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
