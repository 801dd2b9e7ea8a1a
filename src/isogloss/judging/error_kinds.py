"""Substitutions, deletions and insertions of each cohort, and hypotheses that run away from what was said.

Rates of single kinds depend on which minimal alignment is taken (`word_errors`); their sum does not. A hypothesis *runs
away* if it has more inserted words than the reference has words, and `RUNAWAY` at least (our choice): loops and
invented sentences, of which an error rate shows only the length.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from isogloss.judging.cohort_figures import ErrorKinds
from isogloss.judging.word_errors import ERROR_COLUMNS, row_weights

RUNAWAY = 5
"""Fewest inserted words of a runaway hypothesis."""


def runs_away(table: pd.DataFrame) -> np.ndarray:
    """Whether the hypothesis of each utterance runs away, of a table with words and insertions."""
    return np.asarray((table["insertions"] > table["words"]) & (table["insertions"] >= RUNAWAY))


def kinds_of(systems: Mapping[str, pd.DataFrame], cohorts: pd.Series) -> dict[str, list[ErrorKinds]]:
    """The kinds of errors of each system in each cohort; systems whose kinds are not known are left out.

    Parameters
    ----------
    systems
        Tables of word errors, a row an utterance or a sum of several, by the name of the system.
    cohorts
        Cohort of each row, by position; rows without one are left out.
    """
    known = cohorts.notna().to_numpy()
    code_N, names = pd.factorize(cohorts[known].to_numpy(), sort=True)
    found: dict[str, list[ErrorKinds]] = {str(name): [] for name in names}
    for system, whole in systems.items():
        if not set(ERROR_COLUMNS) <= set(whole.columns):
            continue
        table = whole[known]
        weight = row_weights(table)
        summed = "utterances" in table.columns and "runaway" not in table.columns
        runaway = np.zeros(len(table)) if summed else _runaway(table)
        utterances = table["utterances"].to_numpy() if "utterances" in table.columns else np.ones(len(table))
        sums = {
            kind: np.bincount(code_N, weight * table[kind].to_numpy(), minlength=len(names))
            for kind in ("words", *ERROR_COLUMNS)
        }
        lost = np.bincount(code_N, weight * runaway, minlength=len(names))
        rows = np.bincount(code_N, weight * utterances, minlength=len(names))
        for code, name in enumerate(names):
            if sums["words"][code] > 0:
                rates = {kind: float(sums[kind][code] / sums["words"][code]) for kind in ERROR_COLUMNS}
                share = None if summed or rows[code] == 0 else float(lost[code] / rows[code])
                found[str(name)].append(ErrorKinds(system=system, **rates, runaway=share))
    return found


def _runaway(table: pd.DataFrame) -> np.ndarray:
    """How many hypotheses of each row run away."""
    if "runaway" in table.columns:
        return table["runaway"].to_numpy(np.float64)
    return runs_away(table).astype(np.float64)
