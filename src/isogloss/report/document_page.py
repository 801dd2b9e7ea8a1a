"""The page of one document: an audit's, or a verifier's beside the base one. The same document gives the same bytes."""

from typing import Any

from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.verification.inference import MIN_DCF_SPEAKERS
from isogloss.report import findings, text, verifier_findings
from isogloss.report.charts import CohortChart, cohort_chart
from isogloss.report.frame import page_environment, page_style
from isogloss.report.further import further, ties_sentence
from isogloss.report.harm import ESTIMANDS, other_estimand
from isogloss.report.map import region_map

SUBJECTS = {"asr": "speech recognition", "verification": "speaker verification"}


def render_document(document: Document) -> str:
    """The page as HTML."""
    says: Any = verifier_findings if document.task == "verification" else findings
    return (
        page_environment()
        .get_template("document.html")
        .render(
            style=page_style("page.css", "document.css"),
            document=document,
            subject=SUBJECTS[document.task],
            lead=says.lead(document),
            sections=[_section(one, document, number, says) for number, one in enumerate(document.groupings, start=1)],
            ties=ties_sentence(document),
            estimand=ESTIMANDS[document.estimand],
            other_estimand=other_estimand(document),
            cost_speakers=MIN_DCF_SPEAKERS,
            confidence=text.percent(document.confidence, digits=0),
            alpha=f"{document.alpha:.2g}",
        )
    )


def _section(grouping: GroupingFigures, document: Document, number: int, says: Any) -> dict[str, Any]:
    """The section of one grouping; `says` is the module with the sentences of the document's task."""
    summary = says.summary(grouping, document)
    verdicts = {}
    if document.task == "verification" and document.paired:
        verdicts = {one.cohort: says.verdict(one, grouping, document) for one in grouping.cohorts}
    kind = f"found by the rule {grouping.name}" if grouping.discovered else "as given"
    chart = None if grouping.withheld else cohort_chart([document], grouping.name, tags=says.tags(grouping))
    return {
        "rule": f"grouping-{number}",
        "grouping": grouping,
        "kind": kind if document.task == "asr" else "",
        "summary": [summary] if isinstance(summary, str) else summary,
        "further": further(grouping, document) if document.task == "asr" else [],
        "selection": findings.selection(grouping),
        "verdicts": verdicts,
        "chart": chart,
        "region_map": None if chart is None else _map(grouping, document, chart),
    }


def _map(grouping: GroupingFigures, document: Document, chart: CohortChart) -> Any:
    """The maps of a grouping of regions."""
    seconds = {document.system: grouping} if document.paired else {}
    return region_map(grouping, seconds, names=[one.name for one in chart.series], metric=document.metric)
