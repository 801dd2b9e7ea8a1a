"""The provenance of a table of claims: plan, revision, inputs, and the verdicts of earlier plans."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from isogloss.config.experiment import Sweep
from isogloss.studies.claims import HEADINGS, Finding
from isogloss.studies.plan import DIGITS, require_plan
from isogloss.tables import read_json


@dataclass(frozen=True)
class Provenance:
    """The provenance of a table.

    Attributes
    ----------
    plan
        `plan.plan_digest`.
    revisions
        The commits from which the runs were made.
    inputs
        Run -> digest of its commands, params, code and inputs.
    """

    plan: str
    revisions: list[str]
    inputs: dict[str, str]


def claim_rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings as plain numbers."""
    return [{**asdict(f), "claim": f.claim.model_dump(), "published": f.published} for f in findings]


def provenance_lines(sweep: Sweep, made: Provenance) -> list[str]:
    """The plan in words, and the revisions that made the runs."""
    plan = require_plan(sweep.experiment, sweep.path)
    first = "weighted to the population" if plan.estimand == "population" else "of the speakers alike"
    other = "of the speakers alike" if plan.estimand == "population" else "weighted to the population"
    return [
        f"Plan `{made.plan}`, committed before the runs: figures are {first}, the other estimand is {other}; p is"
        " two-sided against the claim's limit and adjusted by Holm over the claims of each paper; a claim is"
        f" *supported* or *contradicted* where p is at most {1 - plan.confidence:.2g} and at least {plan.base_models}"
        " base models were run, else *inconclusive*. *Excluded* and *compatible*: whether the interval holds the"
        " published figure.",
        "",
        f"Made at {', '.join(f'`{revision[:10]}`' for revision in made.revisions)}.",
    ]


def claims_table(
    findings: Sequence[Finding],
    before: Mapping[str, Mapping[str, str]],
    *,
    headings: Sequence[str] = (),
    cells: Sequence[Sequence[str]] | None = None,
) -> list[str]:
    """The lines of the table of claims.

    Parameters
    ----------
    before
        Result of `earlier`: a column for each earlier plan.
    headings, cells
        Further columns between ours and those of earlier plans, and their cells for each finding.
    """
    columns = [*HEADINGS, *headings, *(f"verdict under plan {plan}" for plan in before)]
    more = cells if cells is not None else [()] * len(findings)
    rows = [
        [*finding.cells, *further, *(old.get(finding.claim.id, "") for old in before.values())]
        for finding, further in zip(findings, more, strict=True)
    ]
    return [
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def earlier(folder: Path, name: str, plan: str) -> dict[str, dict[str, str]]:
    """Plan -> claim -> verdict, of the tables of the same experiment under other plans."""
    found = {}
    for path in sorted(folder.glob(f"{name}-*.json")):
        other = path.stem.removeprefix(f"{name}-")
        if other != plan and re.fullmatch(f"[0-9a-f]{{{DIGITS}}}", other):
            rows = read_json(path)["claims"]
            found[other] = {row["claim"]["id"]: row["verdict"] or "not measurable" for row in rows}
    return found
