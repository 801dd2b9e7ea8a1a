"""The result of a rule over many random divisions of the speakers, in one figure.

The result of a single division into halves depends on chance. So the speakers are divided several times; each time the
rule chooses its worst cohort on one half, and a test on the other half asks whether its error rate is higher than that
of all others. The p values of the divisions depend on each other; twice their median is a valid p value nevertheless
(Meinshausen, Meier & Bühlmann 2009, "p-values for high-dimensional regression", section 3.2, with gamma 1/2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from isogloss.judging.grouping_figures import Divisions
from isogloss.judging.statistics.effective import effective_speakers

ROUNDING = 1e-12
"""A standard error below this, on the logarithm, is rounding: all speakers have the same ratio."""


@dataclass(frozen=True)
class Worse:
    """One division: the rate of the cohort that was chosen as the worst over that of all others, and a p value."""

    ratio: float
    p: float


def worse(
    rows: pd.DataFrame, inside_N: NDArray[np.bool_], *, min_speakers: int, min_deciding: float = 1.0
) -> Worse | None:
    """Whether some rows have a higher error rate than the others, with speakers as what is independent.

    Parameters
    ----------
    rows
        `speaker_id`, and weighted `errors` and `words`; a speaker may be on both sides. `weight` is the weight of each
        row's speaker in the population, by which effective speakers are counted; without it all weigh the same.
    inside_N
        Which rows are in the cohort.
    min_speakers
        Fewest effective speakers (Kish's number) with words of each side.
    min_deciding
        Of how many speakers the words of each side must be, by Kish's number: the rate of a side is nearly that of a
        speaker who has nearly all words, so that their influence on it is about 0 (`rates.estimate`).

    Returns
    -------
    The ratio of the rates, and the p value of "it is at most 1" against "it is higher": the logarithm of the ratio over
    its linearised standard error, by Student's distribution with one degree of freedom less than the smaller side has
    effective speakers. None where a side has too few speakers, or no errors or words, or where all speakers have the
    same ratio.
    """
    sums = [_by_speaker(rows[side_N]) for side_N in (inside_N, ~inside_N)]
    said = [table[table["words"] > 0] for table in sums]
    effective = min(effective_speakers(table["weight"]) for table in said)
    if effective < min_speakers or min(effective_speakers(table["words"]) for table in said) < min_deciding:
        return None
    totals = [table.sum() for table in sums]
    if any((total <= 0).any() for total in totals):
        return None
    rates = [total["errors"] / total["words"] for total in totals]
    influences = [
        sign * (table["errors"] / total["errors"] - table["words"] / total["words"])
        for sign, table, total in zip((1, -1), sums, totals, strict=True)
    ]
    influence_S = influences[0].add(influences[1], fill_value=0.0).to_numpy()
    speakers = len(influence_S)
    error = float(np.sqrt(speakers / (speakers - 1) * np.square(influence_S).sum()))
    if error <= ROUNDING or effective < 2:
        return None
    logarithm = float(np.log(rates[0] / rates[1]))
    return Worse(float(rates[0] / rates[1]), float(student.sf(logarithm / error, effective - 1)))


def _by_speaker(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors and words of each speaker, and the mean weight of their rows."""
    weighed = rows if "weight" in rows.columns else rows.assign(weight=1.0)
    return weighed.groupby("speaker_id").agg({"errors": "sum", "words": "sum", "weight": "mean"})


def together(divisions: Sequence[Worse | None]) -> Divisions:
    """All divisions in one figure; a division that could not be judged counts as a p value of 1."""
    known = [one for one in divisions if one is not None]
    p_values = [1.0 if one is None else one.p for one in divisions]
    ratios = np.array([one.ratio for one in known])
    return Divisions(
        divisions=len(divisions),
        judged=len(known),
        higher=int((ratios > 1).sum()),
        ratio=float(np.median(ratios)) if known else None,
        tenths=(float(np.quantile(ratios, 0.1)), float(np.quantile(ratios, 0.9))) if known else None,
        p=min(1.0, 2.0 * float(np.median(p_values))),
    )
