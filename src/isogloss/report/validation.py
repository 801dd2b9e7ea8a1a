"""The page of the data gate: the expectations of the corpus and their results. It shows counts, but no values."""

from pathlib import Path
from typing import Any

from isogloss.report.frame import page_environment, page_style
from isogloss.report.text import listing

SUITES = {
    "recordings": "Recordings",
    "supervisions": "Utterances and transcripts",
    "speakers": "Speakers",
    "splits": "Splits",
    "cohorts": "Cohorts",
}
"""The suites in the order of the page, and their headings."""
NOUNS = {"sound": "utterances", "cohorts": "values"}
"""The noun for a row of a table, if the table's name does not give it."""


def write_validation_page(summary: dict[str, Any], folder: Path) -> None:
    """Write `index.html`.

    Parameters
    ----------
    summary
        The result of `isogloss.corpus.gate.validate_utterances`, which contains no values of the data.
    folder
        An existing folder.
    """
    expectations = summary["expectations"]
    suites = [(title, [e for e in expectations if e["suite"] == suite]) for suite, title in SUITES.items()]
    failing = [e | {"found": _found(e)} for e in expectations if not e["success"]]
    rows: list[int] = next((e["places"] for e in failing if any(isinstance(place, int) for place in e["places"])), [])
    page = (
        page_environment()
        .get_template("validation.html")
        .render(
            summary=summary,
            suites=[(title, listed) for title, listed in suites if listed],
            rows=rows,
            nouns=NOUNS,
            stopping=[e for e in failing if e["severity"] == "stop"],
            warning=[e for e in failing if e["severity"] == "warn"],
            style=page_style("page.css"),
        )
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


def _found(entry: dict[str, Any]) -> str:
    """The places of the rows that fail an expectation; empty if it is about a whole table."""
    places = listing([str(place) for place in entry["places"]])
    one = len(entry["places"]) == 1
    if not places:
        return ""
    if entry["table"] == "splits":
        return f"split{'' if one else 's'} {places}"
    if entry["table"] == "cohorts":
        return f"column{'' if one else 's'} {places}; isogloss check names the values"
    first = "the first in " if (entry["unexpected"] or 0) > len(entry["places"]) else ""
    return f"{first}row{'' if one else 's'} {places} of data/utterances.parquet"
