"""A document as one flat table with one row per grouping and cohort: the content of cohorts.parquet."""

from typing import Any

import numpy as np
import pandas as pd

from isogloss.judging.cohort_figures import CohortFigures
from isogloss.judging.document import Document

HEAD = ("cohort", "label")
FIGURES = ("before", "before_ci95", "after", "after_ci95", "relative_change", "ci95", "p", "p_holm")
SIZES = {
    "asr": ("speakers", "utterances", "words"),
    "verification": ("speakers", "targets", "nontargets", "measurable"),
}
HARM = ("harm_bound", "noninferior", "effective_speakers", "deciding_speakers")
OTHER = ("before", "before_ci95", "after", "after_ci95", "relative_change", "ci95", "p_holm", "harm_bound")
RANKED = ("discovery_rank", "discovery")
REST = ("ratio", "ci95", "p", "p_holm", "detectable_ratio", "worse")
RATES = ("far", "frr")
TRUTHS = ("discovered", "measurable", "inference", "noninferior", "rest_worse")
COUNTS = ("targets", "nontargets")


def flat_table(document: Document) -> pd.DataFrame:
    """The cohorts of all groupings; intervals are two columns, `..._low` and `..._high`.

    Rates, changes and bounds are fractions, float64; values that are unknown or need a second system are NaN. For
    verification, `far_before`, `frr_before` (and `..._after`) are the rates at the common threshold of each verifier;
    for recognition, `rest_...` compares the cohort with all others.
    """
    rows = [
        {"rule": grouping.name, "discovered": grouping.discovered, **_row(cohort)}
        for grouping in document.groupings
        for cohort in grouping.cohorts
    ]
    names = ["rule", "discovered", *HEAD, *SIZES[document.task], *RANKED, *FIGURES, "inference", *HARM]
    names += [f"other_{key}" for key in OTHER]
    if document.task == "verification":
        names += [f"{rate}_{side}{ci}" for side in ("before", "after") for rate in RATES for ci in ("", "_ci95")]
    else:
        names += [f"rest_{key}" for key in REST]
    table = pd.DataFrame([[row.get(name) for name in names] for row in rows], columns=names)
    numbers = set(names) - {"rule", *HEAD, *TRUTHS, *SIZES[document.task]}
    table = table.astype({name: "float64" for name in numbers if not name.endswith("ci95")})
    return split_intervals(table.astype({name: "int64" for name in COUNTS if name in names}))


def _row(cohort: CohortFigures) -> dict[str, Any]:
    """All figures of a cohort, by the names of their columns."""
    row = dict(cohort)
    if cohort.other is not None:
        row |= {f"other_{key}": getattr(cohort.other, key) for key in OTHER}
    if cohort.rest is not None:
        row |= {f"rest_{key}": value for key, value in cohort.rest}
    for side, rates in cohort.at_threshold or ():
        for key, value in rates or ():
            rate, _, ci = key.partition("_")
            row[f"{rate}_{side}{'_ci95' if ci else ''}"] = value
    return row


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
