"""The number of speakers that the margins of a gate need, estimated from a pair of systems.

The variance of the change between speakers is estimated from the two systems of gate.yaml, for instance an earlier
release and the one before it. The plan assumes a candidate whose true change is `expected` in every cohort.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from isogloss.config import GateParams, MarginParams, StatisticsParams
from isogloss.errors import ParamsError
from isogloss.gate.checks import EVERYBODY, named_cohorts
from isogloss.gate.pairs import read_pair
from isogloss.judging.pairing import Totals, pair_utterances, sums_by_cohort, totals_of
from isogloss.judging.privacy import shown_names
from isogloss.judging.rates import effective_with_words, speakers_by_words
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.intervals import standard_error
from isogloss.judging.statistics.noninferiority import noninferiority_power, speakers_for_margin
from isogloss.judging.wer import label, too_small


@dataclass(frozen=True)
class Need:
    """The number of speakers that the margin of one check needs."""

    grouping: str | None
    """Name of the grouping; None for all speakers."""
    label: str
    margin: MarginParams
    speakers: int | None
    """Number of speakers in the data; None where it may not be shown."""
    power: float | None
    """Probability that the check passes with these speakers: 0 if they are too few for a judgement; None where the
    standard error is unknown (no errors, one speaker, or one who has nearly all words)."""
    needed: int | None
    """Number of such speakers with which the check passes with the wanted probability, and no less than a judgement
    needs; None if no number suffices, or none is known."""
    missing: str = ""
    """Why nothing can be planned of this check: the gate cannot judge it. Empty where something can."""


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
    if not -1 < expected < math.inf:
        raise ParamsError(f"--expect is {expected:g}; give a finite change above -1, since a rate cannot fall below 0")
    pair = read_pair(params, folder)
    level = (1 - params.statistics.confidence) / 2 / (1 if params.ledger is None else params.ledger.releases)
    pairs = pair_utterances(pair.baseline, pair.candidate, alike=params.statistics.estimand == "speakers")
    everybody = sums_by_cohort(pairs, pd.Series(EVERYBODY, index=pairs.index))
    plan = partial(_need, level=level, power=power, expected=expected, statistics=params.statistics)
    needs = [plan(None, EVERYBODY, params.margin, everybody)]
    shown = shown_names(pair.groupings, pair.baseline["speaker_id"], min_speakers=params.min_speakers)
    for asked, grouping, names in zip(params.cohorts, pair.groupings, shown, strict=True):
        apart = set() if names.withheld else set(names.judged.values()) - {names.merged}
        named, usual = named_cohorts(asked, grouping, apart), asked.margin or params.margin
        if names.withheld:
            withheld = too_small(params.min_speakers)
            needs.append(Need(grouping.name, f"all of {asked.by}", usual, None, None, None, withheld))
        else:
            sums = sums_by_cohort(pairs, cast(pd.Series, grouping.cohorts).map(names.judged))
            for cohort, part in sums.groupby("cohort", sort=True):
                name = str(cohort)
                # What was merged may bear the name of a cohort, but is not that cohort.
                margin = named.margins.get(name, usual) if name in apart else usual
                needs.append(plan(grouping.name, label(name, grouping, names), margin, part))
        needs += [
            Need(grouping.name, name, named.margins.get(cohort, usual), None, None, None, named.why_absent(cohort))
            for cohort, name in named.asked.items()
            if cohort not in apart
        ]
    return needs


def _need(
    grouping: str | None,
    shown_as: str,
    margin: MarginParams,
    sums: pd.DataFrame,
    *,
    level: float,
    power: float,
    expected: float,
    statistics: StatisticsParams,
) -> Need:
    """One check: of two margins the one that takes more decides; unknown where too few speakers have the words.

    With fewer effective speakers than `statistics.min_speakers` the gate judges nothing, whatever the margin.
    """
    totals_SK = totals_of(sums)
    speakers, effective = len(totals_SK), effective_with_words(sums)
    least = math.ceil(statistics.min_speakers * speakers / effective - 1e-9) if effective > 0 else None
    powers: list[float | None] = []
    needed: list[int | None] = [least]
    for error, limit, effect in _scales(totals_SK, margin, expected):
        if error is None or speakers_by_words([totals_SK], [0]) < statistics.min_deciding:
            powers.append(None)
            needed.append(None)
            continue
        powers.append(noninferiority_power(error, speakers, margin=limit, effect=effect, level=level))
        needed.append(speakers_for_margin(error, speakers, margin=limit, effect=effect, level=level, power=power))
    known = [one for one in powers if one is not None]
    sizes = [one for one in needed if one is not None]
    probability = min(known) if len(known) == len(powers) else None
    return Need(
        grouping=grouping,
        label=shown_as,
        margin=margin,
        speakers=speakers,
        power=0.0 if effective < statistics.min_speakers else probability,
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
