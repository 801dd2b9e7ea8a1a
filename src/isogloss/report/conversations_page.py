"""The page of a multi-talker system: measures by condition, and the effect of overlap on each cohort.

The same results give the same bytes.
"""

from pathlib import Path
from typing import Any

from isogloss.errors import TableError
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.report import text
from isogloss.report.frame import page_environment, page_style
from isogloss.tables import atomic_path, read_json

SYSTEMS = {
    "sts": "Separator-transducer-segmenter",
    "tsot": "Token-level serialised output (t-SOT)",
    "single": "One output for all talkers",
}


def write_conversations_page(results: Path, page: Path) -> None:
    """Write the page of the results of `evaluate_multitalker`.

    Raises
    ------
    TableError
        The folder holds no measures.
    """
    if not (results / "measures.json").is_file():
        raise TableError(f"{results} has no measures.json; run the stage evaluate_multitalker for this system")
    documents = [Document.model_validate(read_json(path)) for path in sorted(results.glob("overlap-*.json"))]
    html = render_conversations(read_json(results / "measures.json"), documents)
    with atomic_path(page) as temporary:
        temporary.write_text(html, encoding="utf-8")


def render_conversations(measures: dict[str, Any], documents: list[Document]) -> str:
    """The page as HTML, from the content of `measures.json` and the documents of overlap."""
    sets = [
        {"name": name, "rows": [_row(condition, one, documents) for condition, one in conditions.items()]}
        for name, conditions in measures["sets"].items()
    ]
    return (
        page_environment()
        .get_template("conversations.html")
        .render(
            style=page_style("page.css", "document.css"),
            system=SYSTEMS.get(measures["system"], measures["system"]),
            lead=[_lead(document) for document in documents],
            sets=sets,
            sections=[_section(document) for document in documents],
            confidence=text.percent(documents[0].confidence, digits=0) if documents else "",
        )
    )


def _lead(document: Document) -> str:
    """The effect of overlap on the word error rate of all speakers, and the judged cohort with the largest effect."""
    overall = document.overall
    within = f" ({text.interval(overall.ci95, signed=True)})" if overall.ci95 else ""
    said = (
        f"At {document.system} the word error rate is {text.percent(overall.after)}, at {document.baseline} "
        f"{text.percent(overall.before)}: {text.signed_percent(overall.relative_change)}{within}."
    )
    judged = [c for one in document.groupings if not one.withheld for c in one.cohorts if c.ci95 and c.people]
    if not judged:
        return f"{said} No cohort has enough speakers to be judged by itself."
    most = max(judged, key=lambda cohort: cohort.relative_change or 0.0)
    if (most.relative_change or 0.0) <= 0:
        return f"{said} The rate of no cohort that can be judged ({len(judged)}) rises."
    return (
        f"{said} Of the {len(judged)} cohorts that can be judged, {most.label} pays most: "
        f"{text.signed_percent(most.relative_change)} ({text.interval(most.ci95, signed=True)})."
    )


def _row(condition: str, one: dict[str, Any], documents: list[Document]) -> dict[str, str]:
    """A condition's figures as the table writes them."""
    interval = ""
    for document in documents:
        if condition == document.system:
            interval = text.interval(document.overall.after_ci95)
        elif condition == document.baseline:
            interval = text.interval(document.overall.before_ci95)
    return {
        "condition": condition,
        "conversations": text.count(one["conversations"]),
        "turns": text.count(one["turns"]),
        **{name: text.percent(one[name]) for name in ("orc_wer", "cp_wer", "tcp_wer")},
        "interval": interval,
        **{name: text.percent(one[name]) for name in ("turn_count_accuracy", "turn_recall", "turn_precision")},
        **{name: _latency(one[name]) for name in ("start_latency_s", "end_latency_s")},
    }


def _latency(figures: dict[str, float | None] | None) -> str:
    """Mean, median and 90th percentile in seconds."""
    if figures is None or figures["mean"] is None:
        return text.MISSING
    return " / ".join(f"{figures[name]:.2f}".replace("-", "−") for name in ("mean", "p50", "p90"))


def _section(document: Document) -> dict[str, Any]:
    """The effect of overlap, for all speakers together and by every grouping."""
    overall = document.overall
    return {
        "title": f"{document.system} beside {document.baseline}",
        "system": document.system,
        "baseline": document.baseline,
        "speakers": text.count(document.speakers),
        "before": text.percent(overall.before),
        "after": text.percent(overall.after),
        "change": text.signed_percent(overall.relative_change),
        "interval": text.interval(overall.ci95, signed=True),
        "groupings": [_grouping(one) for one in document.groupings],
    }


def _grouping(grouping: GroupingFigures) -> dict[str, Any]:
    """The cohorts of a grouping, the worst first."""
    return {
        "title": grouping.title,
        "withheld": grouping.withheld,
        "cohorts": [
            {
                "label": one.label,
                "speakers": text.count(one.speakers),
                "before": text.percent(one.before),
                "after": text.percent(one.after),
                "change": text.signed_percent(one.relative_change),
                "interval": text.interval(one.ci95, signed=True),
                "p": text.probability(one.p_holm),
            }
            for one in grouping.cohorts
        ],
    }
