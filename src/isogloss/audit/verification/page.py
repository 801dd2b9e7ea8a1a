"""The page of an audit of verification, in the style of that of recognition: self-contained, every name escaped."""

from collections.abc import Mapping
from typing import Any

from isogloss.audit.page import page_environment, page_style
from isogloss.audit.verification import findings
from isogloss.judging.verification.figures import MIN_DCF_SPEAKERS
from isogloss.report import text


def render_verification(document: Mapping[str, Any]) -> str:
    """The page as HTML; the same document gives the same bytes."""
    environment = page_environment()
    environment.filters.update(cost=text.cost, cost_interval=text.cost_interval)
    paired = document["paired"]
    sides = {"before": document["baseline"], "after": document["system"]} if paired else {"before": None}
    sections = [
        {
            "number": number,
            "grouping": grouping,
            "summary": findings.summary(grouping, document),
            "worse": findings.worse_served(grouping, "before"),
            "verdicts": {c["cohort"]: findings.verdict(c, grouping) for c in grouping["cohorts"]},
        }
        for number, grouping in enumerate(document["groupings"], start=1)
    ]
    return environment.get_template("verification.html").render(
        style=page_style(),
        document=document,
        headline=findings.headline(document),
        paired=paired,
        sides=sides,
        sections=sections,
        cost_speakers=MIN_DCF_SPEAKERS,
        not_shown=findings.withheld(document),
        confidence=text.percent(document["confidence"], digits=0),
        alpha=f"{1 - document['confidence']:.2g}",
    )
