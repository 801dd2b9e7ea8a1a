"""Intervals as two columns, since a table's cell holds one number."""

import numpy as np
import pandas as pd


def split_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """The table with `<name>_low` and `<name>_high` (float64, NaN where there is none) for each column `..._ci95`."""
    parts: dict[str, pd.Series] = {}
    for name in table.columns:
        if not name.endswith("ci95"):
            parts[name] = table[name]
            continue
        for end, side in enumerate(("low", "high")):
            bounds = [np.nan if pair is None else pair[end] for pair in table[name]]
            parts[f"{name}_{side}"] = pd.Series(bounds, dtype="float64")
    return pd.DataFrame(parts)
