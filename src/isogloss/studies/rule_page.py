"""The table of claims about cohort rules, and the rules side by side, for `docs/`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from isogloss.config.experiment import Sweep
from isogloss.judging.statistics import Estimate
from isogloss.report.text import interval, percent
from isogloss.studies.claims import Finding
from isogloss.studies.claims_page import Provenance, claim_rows, claims_table, earlier, provenance_lines
from isogloss.studies.rule_claims import RuleRow
from isogloss.tables import atomic_path, write_json


def write_rule_claims(
    findings: Sequence[Finding], rows: Sequence[RuleRow], runs: int, sweep: Sweep, made: Provenance, folder: Path
) -> list[Path]:
    """Write `<experiment>-<plan>.md` and its numbers as JSON; returns the files in that order."""
    name = f"{sweep.name}-{made.plan}"
    files = [folder / f"{name}.md", folder / f"{name}.json"]
    content = {
        "experiment": sweep.path.as_posix(),
        **asdict(made),
        "runs": runs,
        "claims": claim_rows(findings),
        "rules": [asdict(row) for row in rows],
    }
    before = earlier(folder, sweep.name, made.plan)
    write_json(content, files[1])
    with atomic_path(files[0]) as temporary:
        temporary.write_text(_markdown(findings, rows, runs, sweep, made, before), encoding="utf-8")
    return files


def _markdown(
    findings: Sequence[Finding],
    rows: Sequence[RuleRow],
    runs: int,
    sweep: Sweep,
    made: Provenance,
    before: dict[str, dict[str, str]],
) -> str:
    """The page."""
    path = sweep.path.as_posix()
    lines = [
        f"# {sweep.experiment.description.strip()}",
        "",
        f"{runs} base models. The gap of a rule is (WER of its bottom cohort − WER of its top one) / WER of the top"
        " one: the worst and the best cohort on discovery, measured on the speakers of test. A claim's"
        " figure is the gap of its `method` minus that of its `against` in the experiment file, in percentage points:"
        " below zero, that of `against` is larger. Intervals (95 %) cross base models and test speakers.",
        "",
        *provenance_lines(sweep, made),
        "",
        *claims_table(findings, before),
        "",
        "| rule | relative gap on test | bottom cohort's share of words |",
        "|---|---|---|",
        *(f"| {row.rule} | {_with_interval(row.gap)} | {_with_interval(row.share)} |" for row in rows),
        "",
        "Every row comes from",
        "",
        f"    isogloss sweep {path}",
        f"    isogloss claims {path}",
    ]
    return "\n".join([*lines, ""])


def _with_interval(estimate: Estimate) -> str:
    """A share or gap with its interval."""
    bounds = estimate.interval
    behind = "" if bounds is None else f" ({interval((bounds[0], bounds[1]))})"
    return f"{percent(estimate.value)}{behind}"
