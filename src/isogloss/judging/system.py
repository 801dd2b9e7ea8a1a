"""The systems of a pipeline under every cohort rule: the base recogniser, and each adapted one compared with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.config import Params, seeds
from isogloss.errors import TableError
from isogloss.judging.comparing import compare
from isogloss.judging.document import Document, SplitSize
from isogloss.judging.gap import gap_of
from isogloss.judging.grouping import Grouping, Ranked
from isogloss.judging.pairing import cohorts_of
from isogloss.judging.stage_files import read_summary
from isogloss.judging.word_errors import known_rate
from isogloss.judging.worst import worst_cohorts
from isogloss.tables import ASSIGNMENT_COLUMNS, SPLITS, read_parquet, require_columns

BASE = "base"


@dataclass(frozen=True)
class Rule:
    """The output of `discover` for a cohort rule."""

    assignments: pd.DataFrame
    """assignments.parquet: the cohort of every utterance."""
    summary: Mapping[str, Any]
    """summary.json: the cohorts with their figures on discovery."""


def read_rules(cohorts: Path, params: Params) -> dict[str, Rule]:
    """The rules of params, by name, from the folder of all rules."""
    return {
        rule: Rule(
            assignments=read_parquet(cohorts / rule / "assignments.parquet", ASSIGNMENT_COLUMNS),
            summary=read_summary(cohorts / rule / "summary.json"),
        )
        for rule in params.cohorts.rules
    }


def judge_system(
    system: str, base: pd.DataFrame, after: pd.DataFrame, rules: Mapping[str, Rule], params: Params
) -> Document:
    """Compare an adapted system with the base on test, under every rule; all rules are suppressed jointly.

    Parameters
    ----------
    system
        Name of the adapted system.
    base, after
        Result tables: that of the base system includes discovery and test, that of the adapted one test; other splits
        are ignored.
    rules
        Result of `read_rules`.

    Raises
    ------
    TableError
        The tables do not fit together, or an utterance of discovery or test has no cohort.
    """
    test, discovery = (of_split(base, split) for split in ("test", "discovery"))
    return compare(
        test,
        of_split(after, "test"),
        [_grouping(rule, each, test, discovery, _mitigated(rule, each, params)) for rule, each in rules.items()],
        discovery=discovery,
        systems=(BASE, system),
        statistics=params.statistics,
        min_speakers=params.privacy.min_speakers,
        against_rest=False,  # The base system's own document contains it.
        about={"seeds": seeds(params), "normalisation": list(params.text.steps)},
    )


def judge_base(
    base: pd.DataFrame, rules: Mapping[str, Rule], params: Params, *, metadata: pd.DataFrame | None = None
) -> Document:
    """The base system on test: each cohort of every rule against all others, and the rule's gap.

    Parameters
    ----------
    base, rules
        As `judge_system`.
    metadata
        The utterance table of all splits, for their sizes.

    Raises
    ------
    TableError
        As `judge_system`.
    """
    test, discovery = (of_split(base, split) for split in ("test", "discovery"))
    groupings = [_grouping(rule, each, test, discovery, ()) for rule, each in rules.items()]
    document = compare(
        test,
        None,
        groupings,
        discovery=discovery,
        systems=(BASE,),
        statistics=params.statistics,
        min_speakers=params.privacy.min_speakers,
        about={
            "splits": [] if metadata is None else _sizes(metadata, base, params.privacy.min_speakers),
            "normalisation": list(params.text.steps),
        },
    )
    figures = [
        one.model_copy(update={"gap": gap_of(one, grouping, test, discovery, statistics=params.statistics)})
        for one, grouping in zip(document.groupings, groupings, strict=True)
    ]
    return document.model_copy(update={"groupings": figures})


def of_split(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """The rows of a split, numbered from 0; raises `TableError` where there are none."""
    require_columns(table, ("utterance_id", "speaker_id", "split"), where="the results")
    rows = table[table["split"] == split].reset_index(drop=True)
    if rows.empty:
        raise TableError(f"the results have no utterance of split {split}; run transcribe anew")
    return rows


def _mitigated(name: str, rule: Rule, params: Params) -> Sequence[str]:
    """The cohorts of a rule to which systems are adapted."""
    return worst_cohorts(rule.summary, params.mitigation.worst_share) if name == params.mitigation.rule else ()


def _grouping(name: str, rule: Rule, test: pd.DataFrame, discovery: pd.DataFrame, mitigated: Sequence[str]) -> Grouping:
    """One rule as a grouping of test, chosen on discovery."""
    cohorts = rule.summary["cohorts"]
    unknown = {*rule.assignments["cohort"]} - {one["cohort"] for one in cohorts}
    if unknown:
        raise TableError(f"cohorts/{name}: summary.json does not know the cohort {min(unknown)!r}; run discover anew")
    return Grouping(
        name=name,
        cohorts=cohorts_of(test["utterance_id"], rule.assignments, where=f"cohorts/{name}"),
        labels={one["cohort"]: one["label"] for one in cohorts},
        chosen=cohorts_of(discovery["utterance_id"], rule.assignments, where=f"cohorts/{name}"),
        ranked={one["cohort"]: _ranked(one) for one in cohorts},
        mitigated=mitigated,
        rectangles={one["cohort"]: one["geometry"]["rectangles"] for one in cohorts if one.get("geometry")},
    )


def _ranked(cohort: Mapping[str, Any]) -> Ranked:
    """Rank and rate on discovery of a cohort of summary.json."""
    of_discovery = cohort["discovery"]
    bounds = of_discovery.get("ci95")
    return Ranked(cohort["wer_rank"], of_discovery["wer"], None if bounds is None else (bounds[0], bounds[1]))


def _sizes(metadata: pd.DataFrame, base: pd.DataFrame, min_speakers: int) -> list[SplitSize]:
    """The size of each split that the corpus has, and the base system's rate on those that were transcribed.

    A split of fewer than `min_speakers` has no rate.
    """
    grouped = dict(iter(metadata.groupby("split")))
    transcribed = dict(iter(base.groupby("split")))
    return [
        SplitSize(
            split=split,
            speakers=int(grouped[split]["speaker_id"].nunique()),
            utterances=len(grouped[split]),
            hours=float(grouped[split]["duration_s"].sum()) / 3600,
            rate=_rate(transcribed[split], min_speakers) if split in transcribed else None,
        )
        for split in SPLITS
        if split in grouped
    ]


def _rate(rows: pd.DataFrame, min_speakers: int) -> float | None:
    """The weighted word error rate; None over no words, or of fewer speakers than a figure may be about."""
    return None if rows["speaker_id"].nunique() < min_speakers else known_rate(rows)
