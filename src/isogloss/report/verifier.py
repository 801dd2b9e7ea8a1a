"""The report that compares a mitigated verifier with the base one: the document of its evaluation as a page."""

from pathlib import Path

from isogloss.errors import TableError
from isogloss.judging.document import Document
from isogloss.judging.stage_files import read_model
from isogloss.report.folder import FIGURES, write_folder


def report_verifier(method: str, root: Path = Path()) -> Path:
    """Write the report of one method, in the form of an audit.

    Its figures are those of `results/speaker/<method>/fairness.json`, to the last digit; nothing is computed again.

    Parameters
    ----------
    method
        One of `verification.methods`.
    root
        The repository.

    Returns
    -------
    Its folder, `reports/verification/<method>` below `root`: audit.html, fairness.json, cohorts.parquet.

    Raises
    ------
    TableError
        The document is missing, or is not that of this method beside the base verifier.
    """
    path = root / "results/speaker" / method / FIGURES
    document = read_model(path, Document)
    if (document.task, document.systems) != ("verification", ["base", method]):
        raise TableError(
            f"{path}: it is of {' and '.join(document.systems)}, but base and {method} belong here; run its stage again"
        )
    folder = root / "reports/verification" / method
    write_folder(document, folder)
    return folder
