"""The settings of an experiment on the same test speakers: error rates over seeds, changes against a reference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config import Sweep
from isogloss.errors import PipelineError
from isogloss.judging.statistics import Estimate, over_seeds
from isogloss.judging.statistics import estimands as of
from isogloss.tables import read_parquet

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SystemRow:
    """One setting.

    Attributes
    ----------
    setting
        Its name in the names of the runs, without the experiment's name.
    runs
        Number of finished runs.
    rate
        Word error rate on test, over seeds and speakers.
    change
        Relative change against the reference on the same speakers, run by run with the same seed; None for the
        reference itself.
    figures
        Means over runs of the study's further figures, by name; None if a run has no number.
    """

    setting: str
    runs: int
    rate: Estimate
    change: Estimate | None
    figures: dict[str, float | None]


def systems(
    sweep: Sweep,
    tables: dict[str, Path],
    figure: Callable[[str, str], float | None],
    *,
    split: str = "test",
    confidence: float = 0.95,
) -> list[SystemRow]:
    """Judge every setting that has a finished run.

    Parameters
    ----------
    sweep
        The experiment; `study.reference` names the setting that the others are compared with (else the first), and
        `study.figures` the further figures.
    tables
        Run -> its result table.
    figure
        A function from a run and a metric to its number.
    split
        The split whose rows are used.

    Raises
    ------
    PipelineError
        No run is finished, the reference has none, or runs that are averaged or compared are on different speakers.
    """
    if not tables:
        raise PipelineError(f"no run of {sweep.path} is finished; `isogloss sweep {sweep.path}` runs them")
    totals = {run: speaker_totals(path, split=split) for run, path in tables.items()}
    by_setting: dict[str, list[str]] = {}
    for run in sweep.runs:
        if run.name in tables:
            by_setting.setdefault(run.setting, []).append(run.name)
    reference = sweep.experiment.study.reference
    reference = f"{sweep.name}-{reference}" if reference else next(iter(by_setting))
    if reference not in by_setting:
        raise PipelineError(f"{sweep.path}: the reference {reference} has no finished run; run it, or name another")
    return [
        SystemRow(
            setting=setting.removeprefix(f"{sweep.name}-"),
            runs=len(runs),
            rate=over_seeds([[one] for one in _aligned(totals, runs)], of.rate(), confidence=confidence),
            change=None
            if setting == reference
            else _change(sweep, totals, by_setting[reference], runs, confidence=confidence),
            figures={
                name: _mean([figure(run, metric) for run in runs])
                for name, metric in sweep.experiment.study.figures.items()
            },
        )
        for setting, runs in by_setting.items()
    ]


def speaker_totals(path: Path, *, split: str = "test", alike: bool = False) -> pd.DataFrame:
    """Weighted errors and words of each speaker of a split, by speaker: columns `errors, words`.

    With `alike` every speaker has the weight 1, else that of the population.
    """
    table = read_parquet(path)
    table = table[table["split"] == split]
    if alike:
        table = table.assign(weight=1.0)
    errors = (table["substitutions"] + table["deletions"] + table["insertions"]) * table["weight"]
    rows = pd.DataFrame(
        {"speaker_id": table["speaker_id"], "errors": errors, "words": table["words"] * table["weight"]}
    )
    return rows.groupby("speaker_id", sort=True).sum().astype(float)


def _change(
    sweep: Sweep, totals: dict[str, pd.DataFrame], reference: list[str], runs: list[str], *, confidence: float
) -> Estimate:
    """Relative change of each run against the reference's run with the same seeds."""
    pairs = pairs_of(sweep, reference, runs)
    return relative_change(totals, pairs, confidence=confidence) if pairs else Estimate(None, None, None)


def pairs_of(sweep: Sweep, before: Sequence[str], after: Sequence[str]) -> list[tuple[str, str]]:
    """The runs of two settings that have the same seeds; other runs have no pair."""
    seeds = {run.name: tuple(run.overrides[key] for key in sweep.experiment.seeds) for run in sweep.runs}
    of_before = {seeds[run]: run for run in before}
    return [(of_before[seeds[run]], run) for run in after if seeds[run] in of_before]


def relative_change(
    totals: Mapping[str, pd.DataFrame], pairs: Sequence[tuple[str, str]], *, confidence: float = 0.95
) -> Estimate:
    """The relative change of the error rate from the first run of each pair to the second, over pairs and speakers.

    Raises
    ------
    PipelineError
        Runs are on different speakers.
    """
    sides = _aligned(totals, [run for pair in pairs for run in pair])
    both = [[np.hstack(pair)] for pair in zip(sides[::2], sides[1::2], strict=True)]
    return over_seeds(both, of.relative_change(), confidence=confidence)


def _aligned(totals: Mapping[str, pd.DataFrame], runs: list[str]) -> list[Array]:
    """The totals of some runs; raises unless each row is the same speaker in all of them."""
    first, *others = runs
    for run in others:
        if not totals[run].index.equals(totals[first].index):
            raise PipelineError(f"{first} and {run} are on different test speakers; give them one prepare.seed")
    return [totals[run].to_numpy() for run in runs]


def _mean(values: list[float | None]) -> float | None:
    """The mean of numbers; None if one is missing."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
