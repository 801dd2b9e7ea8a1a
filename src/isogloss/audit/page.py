"""The page of an audit: self-contained, nothing fetched, every name in the data escaped."""

from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from isogloss.audit import charts, findings
from isogloss.report import text


def page_environment() -> Environment:
    """What all audits' pages are rendered by: everything is escaped, numbers are written as in the report."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("isogloss.audit"), PackageLoader("isogloss.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=text.percent,
        signed=text.signed_percent,
        interval=text.interval,
        count=text.count,
        probability=text.probability,
        listing=text.listing,
    )
    return environment


def page_style() -> Markup:
    """The report's style sheet and the audit's."""
    return Markup("\n".join(_style(*place) for place in (("report", "page.css"), ("audit", "audit.css"))))


def render(document: Mapping[str, Any]) -> str:
    """The page as HTML; the same document gives the same bytes."""
    series = charts.systems(document)
    sections = [
        {
            "number": number,
            "grouping": grouping,
            "rule": f"grouping-{number}",
            "summary": findings.summary(grouping, document),
            "selection": findings.selection(grouping),
            "chart": None
            if grouping["withheld"]
            else charts.cohort_chart(grouping, series, confidence=_level(document)),
            "region_map": None if grouping["withheld"] else charts.grouping_map(grouping, document),
        }
        for number, grouping in enumerate(document["groupings"], start=1)
    ]
    return (
        page_environment()
        .get_template("audit.html")
        .render(
            style=page_style(),
            document=document,
            headline=findings.headline(document),
            series=series,
            paired=len(series) > 1,
            sections=sections,
            confidence=text.percent(document["confidence"], digits=0),
            alpha=f"{1 - document['confidence']:.2g}",
        )
    )


def _level(document: Mapping[str, Any]) -> float:
    """The confidence of the document."""
    return float(document["confidence"])


def _style(package: str, name: str) -> str:
    """A style sheet."""
    return resources.files(f"isogloss.{package}").joinpath(f"templates/{name}").read_text(encoding="utf-8")
