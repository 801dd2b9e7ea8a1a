"""The folder of an audit: all of it or nothing, and never in place of something else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.audit.figures import KIND, cohort_table
from isogloss.errors import TableError
from isogloss.tables import atomic_folder, read_json, write_json, write_parquet

FIGURES, COHORTS, PAGE = "fairness.json", "cohorts.parquet", "audit.html"


def check_folder(folder: Path) -> None:
    """Raise a `TableError` unless a folder is new, empty, or an earlier audit and nothing else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise TableError(f"--out {folder} is a file; name a folder")
    held = {path.name for path in folder.iterdir()}
    if not held:
        return
    foreign = sorted(held - {FIGURES, COHORTS, PAGE})
    if foreign:
        raise TableError(f"--out {folder} holds {foreign[0]!r}, which no audit writes; name a new folder")
    content = read_json(folder / FIGURES) if FIGURES in held else None
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise TableError(f"--out {folder} is not an earlier audit; name a new folder")


def write_audit(document: Mapping[str, Any], folder: Path) -> None:
    """Write fairness.json, cohorts.parquet and audit.html; the same bytes for the same document.

    Raises
    ------
    TableError
        The folder holds something else (`check_folder`).
    """
    check_folder(folder)
    page, cohorts = _page_and_cohorts(document)
    with atomic_folder(folder) as temporary:
        write_json(document, temporary / FIGURES)
        write_parquet(cohorts, temporary / COHORTS)
        (temporary / PAGE).write_text(page, encoding="utf-8")


def _page_and_cohorts(document: Mapping[str, Any]) -> tuple[str, pd.DataFrame]:
    """The page and the table in the form of the task; jinja2 is not needed without a page."""
    if document["task"] == "verification":
        from isogloss.audit.verification.figures import verification_table
        from isogloss.audit.verification.page import render_verification

        return render_verification(document), verification_table(document)
    from isogloss.audit.page import render

    return render(document), cohort_table(document)
