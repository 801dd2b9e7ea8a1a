"""Conversations as documents: the same turns in two conditions, overall and by the cohorts of their speakers.

A simulated conversation is mixed at every overlap ratio, so that each turn is its own control: only the overlap differs
between conditions. The unit is the speaker, as everywhere; the dependence between two speakers of one conversation is
not modelled.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from isogloss.config import Params
from isogloss.errors import TableError
from isogloss.judging.comparing import compare
from isogloss.judging.document import Document
from isogloss.judging.grouping import Grouping
from isogloss.judging.pairing import cohorts_of
from isogloss.judging.system import Rule

SAME, OTHER = "beside the same cohort", "beside another cohort"


def compare_conditions(
    errors: pd.DataFrame, before: str, after: str, rules: Mapping[str, Rule], params: Params
) -> Document:
    """One system's ORC-WER on the same turns in two conditions, under every rule.

    Each rule gives two groupings: the speaker's cohort, and whether the other speaker is of the same cohort.

    Parameters
    ----------
    errors
        Result of `turn_errors` for one system; a column `weight` is used if there is one.
    before, after
        Values of `condition`.

    Raises
    ------
    TableError
        The two conditions are not of the same turns.
    """
    sides = [_rows(errors, condition) for condition in (before, after)]
    missing = set(sides[0]["utterance_id"]) ^ set(sides[1]["utterance_id"])
    if missing:
        raise TableError(
            f"{len(missing)} turns are in only one of the conditions {before!r} and {after!r}; only simulated "
            "conversations, which are mixed in every condition, can be compared"
        )
    first = sides[0]
    return compare(
        sides[0],
        sides[1],
        [one for name, rule in rules.items() for one in _groupings(name, rule, first)],
        systems=(before, after),
        statistics=params.statistics,
        min_speakers=params.privacy.min_speakers,
        against_rest=False,
        about={"normalisation": list(params.text.steps)},
    )


def _rows(errors: pd.DataFrame, condition: str) -> pd.DataFrame:
    """The turns of one condition, by their own ids."""
    rows = errors[errors["condition"] == condition]
    if rows.empty:
        known = ", ".join(map(repr, errors["condition"].unique()))
        raise TableError(f"there is no conversation of the condition {condition!r}; there are {known}")
    return rows.assign(utterance_id=rows["turn_id"]).sort_values("utterance_id", kind="stable").reset_index(drop=True)


def _groupings(name: str, rule: Rule, rows: pd.DataFrame) -> list[Grouping]:
    """The cohort of the speaker; and whether the other speaker is of the same cohort."""
    cohorts = cohorts_of(rows["source_id"], rule.assignments, where=f"cohorts/{name}")
    of_speaker = rule.assignments.drop_duplicates("speaker_id").set_index("speaker_id")["cohort"].astype(str)
    partner = rows["partner_id"].map(of_speaker)
    beside = pd.Series(SAME, index=rows.index).where(partner.to_numpy() == cohorts.to_numpy(), OTHER)
    labels: dict[str, Any] = {str(one["cohort"]): one["label"] for one in rule.summary["cohorts"]}
    return [
        Grouping(name=name, title=f"the speaker's cohort, {name}", cohorts=cohorts, labels=labels),
        Grouping(
            name=f"{name}-partner",
            title=f"who speaks beside them, {name}",
            cohorts=beside.where(partner.notna()).reset_index(drop=True),
        ),
    ]
