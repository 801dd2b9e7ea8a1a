"""The table of claims about the settings of an experiment, and the settings side by side, for `docs/`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from isogloss.config.experiment import Sweep
from isogloss.studies.claims import Finding
from isogloss.studies.claims_page import Provenance, claim_rows, claims_table, earlier, provenance_lines
from isogloss.studies.systems import SystemRow
from isogloss.studies.writing import picture, table_rows
from isogloss.tables import atomic_path, write_json


def write_system_claims(
    findings: Sequence[Finding], rows: Sequence[SystemRow], sweep: Sweep, made: Provenance, folder: Path
) -> list[Path]:
    """Write `<experiment>-<plan>.md`, its numbers as JSON and, where the study names an axis, its chart."""
    name = f"{sweep.name}-{made.plan}"
    files = [folder / f"{name}.md", folder / f"{name}.json"]
    drawn = picture(sweep, rows)
    if drawn is not None:
        files.append(folder / f"{name}.svg")
        with atomic_path(files[-1]) as temporary:
            temporary.write_text(drawn, encoding="utf-8")
    content = {
        "experiment": sweep.path.as_posix(),
        **asdict(made),
        "claims": claim_rows(findings),
        "rows": [asdict(row) for row in rows],
    }
    before = earlier(folder, sweep.name, made.plan)
    write_json(content, files[1])
    with atomic_path(files[0]) as temporary:
        temporary.write_text(_markdown(findings, rows, sweep, made, before, drawn is not None), encoding="utf-8")
    return files


def _markdown(
    findings: Sequence[Finding],
    rows: Sequence[SystemRow],
    sweep: Sweep,
    made: Provenance,
    before: dict[str, dict[str, str]],
    pictured: bool,
) -> str:
    """The page."""
    question, path = sweep.experiment.description.strip(), sweep.path.as_posix()
    settings, cells = table_rows(sweep, rows)
    lines = [
        f"# {question}",
        "",
        "Changes are between runs with the same seeds, and relative where they are in per cent. Intervals (95 %) of"
        " error rates cross seeds and test speakers; those of other figures are over seeds alone.",
        "",
        *provenance_lines(sweep, made),
        "",
        *claims_table(findings, before),
        "",
        "## The settings",
        "",
        "Error rates are weighted to the population.",
        "",
        "| " + " | ".join(settings) + " |",
        "|" + "---|" * len(settings),
        *("| " + " | ".join(row) + " |" for row in cells),
    ]
    if pictured:
        lines += ["", f"![{question}]({sweep.name}-{made.plan}.svg)"]
    lines += ["", "Every row comes from", "", f"    isogloss sweep {path}", f"    isogloss claims {path}"]
    return "\n".join([*lines, ""])
