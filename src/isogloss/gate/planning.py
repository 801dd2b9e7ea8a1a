"""The number of speakers that the margins of a gate need, estimated from a pair of systems.

The variance of the change between speakers is estimated from the two systems of gate.yaml, for instance an earlier
release and the one before it. The plan assumes a candidate whose true change is `expected` in every cohort.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from isogloss.config import GateParams, MarginParams
from isogloss.errors import ParamsError
from isogloss.gate.checks import EVERYBODY
from isogloss.gate.pairs import read_pair
from isogloss.judging.pairing import Totals, pair_utterances, sums_by_cohort, totals_of
from isogloss.judging.privacy import shown_names
from isogloss.judging.rates import speakers_by_words
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.intervals import standard_error
from isogloss.judging.statistics.noninferiority import noninferiority_power, speakers_for_margin


@dataclass(frozen=True)
class Need:
    """The number of speakers that the margin of one check needs."""

    grouping: str | None
    """Name of the grouping; None for all speakers."""
    label: str
    margin: MarginParams
    speakers: int
    """Number of speakers in the data."""
    power: float | None
    """Probability that the check passes with these speakers; None where the standard error is unknown (no errors, one
    speaker, or one who has nearly all words)."""
    needed: int | None
    """Number of such speakers with which the check passes with the wanted probability; None if no number suffices."""


def plan_gate(params: GateParams, folder: Path, *, power: float = 0.8, expected: float = 0.0) -> list[Need]:
    """The speakers that each check needs.

    Parameters
    ----------
    params, folder
        As for `running.run_gate`.
    power
        Probability with which the candidate is to pass each check.
    expected
        The assumed true relative change; 0 is a candidate as good as the baseline.

    Raises
    ------
    ParamsError, TableError
        As `pairs.read_pair`; or the expected change is impossible.
    """
    if not expected > -1:
        raise ParamsError(f"--expect is {expected:g}, but a rate cannot fall by all of it or more; give more than -1")
    pair = read_pair(params, folder)
    level = (1 - params.statistics.confidence) / 2 / (1 if params.ledger is None else params.ledger.releases)
    pairs = pair_utterances(pair.baseline, pair.candidate, alike=params.statistics.estimand == "speakers")
    everybody = sums_by_cohort(pairs, pd.Series(EVERYBODY, index=pairs.index))
    fewest = params.statistics.min_deciding
    needs = [_need(None, EVERYBODY, params.margin, totals_of(everybody), level, power, expected, fewest)]
    shown = shown_names(pair.groupings, pair.baseline["speaker_id"], min_speakers=params.min_speakers)
    for asked, grouping, names in zip(params.cohorts, pair.groupings, shown, strict=True):
        if names.withheld:
            continue
        sums = sums_by_cohort(pairs, cast(pd.Series, grouping.cohorts).map(names.judged))
        for cohort, part in sums.groupby("cohort", sort=True):
            name = str(cohort)
            label = grouping.labels.get(name, name)
            margin = asked.margins.get(name) or asked.margins.get(label) or asked.margin or params.margin
            needs.append(_need(grouping.name, label, margin, totals_of(part), level, power, expected, fewest))
    return needs


def _need(
    grouping: str | None,
    label: str,
    margin: MarginParams,
    totals_SK: Totals,
    level: float,
    power: float,
    expected: float,
    fewest: float,
) -> Need:
    """One check: of two margins the one that takes more decides; unknown where fewer than `fewest` have the words."""
    speakers = len(totals_SK)
    powers: list[float | None] = []
    needed: list[int | None] = []
    for error, limit, effect in _scales(totals_SK, margin, expected):
        if error is None or speakers_by_words([totals_SK], [0]) < fewest:
            powers.append(None)
            needed.append(None)
            continue
        powers.append(noninferiority_power(error, speakers, margin=limit, effect=effect, level=level))
        needed.append(speakers_for_margin(error, speakers, margin=limit, effect=effect, level=level, power=power))
    known = [one for one in powers if one is not None]
    sizes = [one for one in needed if one is not None]
    return Need(
        grouping=grouping,
        label=label,
        margin=margin,
        speakers=speakers,
        power=min(known) if len(known) == len(powers) else None,
        needed=max(sizes) if len(sizes) == len(needed) else None,
    )


def _scales(totals_SK: Totals, margin: MarginParams, expected: float) -> Iterator[tuple[float | None, float, float]]:
    """Standard error, margin and expected change on the working scale of each margin."""
    if margin.relative is not None:
        error = standard_error([totals_SK], of.relative_change())
        yield error, float(np.log1p(margin.relative)), float(np.log1p(expected))
    if margin.absolute is not None:
        errors, words = totals_SK[:, :2].sum(axis=0)
        rate = errors / words if words > 0 else 0.0
        yield standard_error([totals_SK], of.difference()), margin.absolute, float(expected * rate)
