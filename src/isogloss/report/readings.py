"""Metrics of an experiment, read from the files it left behind.

A metric is named by the key of a number in metrics.json (`asr.ewc.wer`), or by a file and what to read in it:
`results/asr/base/cost.json:flops_per_frame` for a number in JSON, `results/asr/base/utterances.parquet:wer.test` for
the population-weighted word error rate of a split of a result table (`wer` for all of it).
"""

import io
import json
import math
from collections.abc import Callable
from typing import Any

from isogloss.config import flattened
from isogloss.errors import TableError

Content = Callable[[str], bytes | None]
"""Path -> the content of that file in an experiment, None where it has no such file."""

METRICS_FILE = "metrics.json"


def split_metric(metric: str) -> tuple[str, str]:
    """(file, key) of a metric's name."""
    file, colon, key = metric.rpartition(":")
    return (file, key) if colon else (METRICS_FILE, metric)


def read_metric(metric: str, content: Content) -> float | None:
    """The value of a metric in one experiment; None where the experiment has no such file or no finite number.

    Raises
    ------
    TableError
        The file is neither JSON nor a table of results, or a value other than an error rate is requested of a table.
    """
    file, key = split_metric(metric)
    if not file.endswith((".json", ".parquet")):
        raise TableError(f"metric {metric!r}: {file} is neither JSON nor a parquet table")
    if file.endswith(".parquet") and key.split(".")[0] != "wer":
        raise TableError(f"metric {metric!r}: of a table only wer or wer.SPLIT can be read")
    data = content(file)
    if data is None:
        return None
    return _error_rate(metric, data) if file.endswith(".parquet") else _numbers(file, data).get(key)


def all_metrics(files: list[str], content: Content) -> list[str]:
    """The names of all numbers in JSON metric files, metrics.json first."""
    names: list[str] = []
    for file in sorted(files, key=lambda file: file != METRICS_FILE):
        data = content(file) if file.endswith(".json") else None
        if data is not None:
            prefix = "" if file == METRICS_FILE else f"{file}:"
            names += [f"{prefix}{key}" for key in _numbers(file, data)]
    return names


def _numbers(file: str, data: bytes) -> dict[str, float]:
    """Dotted key -> every number of a JSON object."""
    try:
        found: Any = json.loads(data)
    except ValueError as error:
        raise TableError(f"{file} is not valid JSON: {error}") from None
    values = flattened(found) if isinstance(found, dict) else ()
    return {
        key: float(value)
        for key, value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def _error_rate(metric: str, data: bytes) -> float | None:
    """The weighted word error rate of a split; None over no words."""
    import pandas as pd

    from isogloss.judging import error_rate

    table = pd.read_parquet(io.BytesIO(data))
    _, _, split = split_metric(metric)[1].partition(".")
    if split:
        table = table[table["split"] == split]
    if not len(table):
        raise TableError(f"metric {metric!r}: the table has no rows of split {split!r}")
    rate = float(error_rate(table))
    return rate if math.isfinite(rate) else None
