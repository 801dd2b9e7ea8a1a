"""An audit of verification on the terminal: one table a grouping."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from isogloss.audit.terminal import LABEL_WIDTH, bounded, plain
from isogloss.audit.verification import findings
from isogloss.report.text import count, percent, probability, signed_percent

RATES = ["EER", "FAR", "FRR"]


def show_verification(document: Mapping[str, Any], on: Console) -> None:
    """Print the findings and a table for each grouping."""
    head = findings.headline(document)
    on.print(Text(str(plain(head.title)), style="bold"))
    for sentence in (*head.sentences, *findings.costs(document)):
        on.print(plain(sentence))
    for grouping in document["groupings"]:
        on.print()
        title = f"By {grouping['rule']} (trials whose two speakers both belong to the cohort)"
        on.print(Text(str(plain(title)), style="bold"))
        on.print(_table(grouping, document))
        for sentence in findings.summary(grouping, document):
            on.print(plain(sentence))
    for column in document["withheld"]:
        on.print()
        on.print(Text(str(plain(f"By {column}")), style="bold"))
        on.print(plain(findings.withheld(document)))


def _table(grouping: Mapping[str, Any], document: Mapping[str, Any]) -> Table:
    """The cohorts of one grouping."""
    paired = document["paired"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    longest = max(len(c["label"]) for c in grouping["cohorts"])
    table.add_column("cohort", overflow="fold", min_width=min(longest, LABEL_WIDTH))
    sizes = ["speakers", "targets", "non-targets"]
    figures = [f"EER {document['baseline']}", f"EER {document['system']}", "change", "p"] if paired else RATES
    for header in (*sizes, *figures):
        table.add_column(plain(header), justify="right", no_wrap=True)
    for cohort in grouping["cohorts"]:
        cells = [count(cohort[key]) for key in ("speakers", "targets", "nontargets")]
        cells += _changed(cohort) if paired else _rates(cohort)
        harmed = cohort["cohort"] in grouping["harmed_cohorts"]
        bad = harmed or cohort is findings.worse_served(grouping, "before")
        table.add_row(plain(cohort["label"]), *map(Text, cells), style="bold red" if bad else "")
    return table


def _rates(cohort: Mapping[str, Any]) -> list[str]:
    """EER, FAR and FRR of one verifier, intervals below them."""
    at = cohort["at_threshold"]["before"]
    return [_eer(cohort, "before")] + [
        bounded(percent(at[rate]), at[f"{rate}_ci95"], below=True) for rate in ("far", "frr")
    ]


def _changed(cohort: Mapping[str, Any]) -> list[str]:
    """EER of both verifiers and its change, intervals below them; FAR and FRR are on the page."""
    change = bounded(signed_percent(cohort["relative_change"]), cohort["ci95"], below=True, signed=True)
    return [_eer(cohort, "before"), _eer(cohort, "after"), change, probability(cohort["p_holm"])]


def _eer(cohort: Mapping[str, Any], side: str) -> str:
    """The equal error rate, or that there is none."""
    if not cohort["measurable"]:
        return "not measurable"
    return bounded(percent(cohort[side]), cohort[f"{side}_ci95"], below=True)
