"""The page of the data gate: what was expected of the corpus, and what holds. Self-contained, counts alone."""

from pathlib import Path
from typing import Any

from isogloss.report.frame import page_environment, page_style

SUITES = {
    "recordings": "Recordings",
    "supervisions": "Utterances and transcripts",
    "speakers": "Speakers",
    "splits": "Splits",
    "cohorts": "Cohorts",
}
"""The suites in the order of the page, and their headings."""


def write_validation_page(summary: dict[str, Any], folder: Path) -> None:
    """Write `index.html`.

    Parameters
    ----------
    summary
        What `isogloss.corpus.gate.validate_utterances` returns; no value of the data is in it.
    folder
        An existing folder.
    """
    expectations = summary["expectations"]
    suites = [(title, [e for e in expectations if e["suite"] == suite]) for suite, title in SUITES.items()]
    failing = [e for e in expectations if not e["success"]]
    page = (
        page_environment()
        .get_template("validation.html")
        .render(
            summary=summary,
            suites=[(title, listed) for title, listed in suites if listed],
            stopping=[e for e in failing if e["severity"] == "stop"],
            warning=[e for e in failing if e["severity"] == "warn"],
            style=page_style("page.css"),
        )
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
