"""The folder of a document and its page, written atomically and never over other files."""

from pathlib import Path

from isogloss.errors import TableError
from isogloss.judging.document import Document
from isogloss.report.flat import flat_table
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
    if not isinstance(content, dict) or content.get("kind") != Document.model_fields["kind"].default:
        raise TableError(f"--out {folder} is not an earlier audit; name a new folder")


def write_folder(document: Document, folder: Path) -> None:
    """Write fairness.json, cohorts.parquet and audit.html; the same bytes for the same document.

    Raises
    ------
    TableError
        The folder holds something else (`check_folder`).
    """
    from isogloss.report.document_page import render_document  # jinja2 is needed only for the page.

    check_folder(folder)
    page = render_document(document)
    with atomic_folder(folder) as temporary:
        write_json(document.content(), temporary / FIGURES)
        write_parquet(flat_table(document), temporary / COHORTS)
        (temporary / PAGE).write_text(page, encoding="utf-8")
