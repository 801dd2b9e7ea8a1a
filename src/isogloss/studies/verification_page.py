"""The table of claims about verifiers, and the error rates of every system, for `docs/`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from isogloss.config.experiment import Sweep
from isogloss.judging.statistics import Estimate
from isogloss.report.text import interval, percent
from isogloss.studies.claims import Finding
from isogloss.studies.claims_page import Provenance, claim_rows, claims_table, earlier, provenance_lines
from isogloss.studies.verification_claims import MEASURES, JudgedVerifiers, level_over_seeds
from isogloss.tables import atomic_path, write_json

Runs = Mapping[str, Sequence[JudgedVerifiers]]
Levels = dict[str, dict[str, dict[str, Estimate]]]


def write_verification_claims(
    findings: Sequence[Finding], runs: Runs, sweep: Sweep, made: Provenance, folder: Path
) -> list[Path]:
    """Write `<experiment>-<plan>.md` and its numbers as JSON; returns the files in that order."""
    name = f"{sweep.name}-{made.plan}"
    files = [folder / f"{name}.md", folder / f"{name}.json"]
    levels = system_levels(runs)
    content = {
        "experiment": sweep.path.as_posix(),
        **asdict(made),
        "runs": {setting: len(of_setting) for setting, of_setting in runs.items()},
        "claims": claim_rows(findings),
        "systems": {
            setting: {system: {name: asdict(one) for name, one in row.items()} for system, row in systems.items()}
            for setting, systems in levels.items()
        },
    }
    before = earlier(folder, sweep.name, made.plan)
    write_json(content, files[1])
    with atomic_path(files[0]) as temporary:
        temporary.write_text(_markdown(findings, runs, levels, sweep, made, before), encoding="utf-8")
    return files


def system_levels(runs: Runs) -> Levels:
    """Setting -> system -> measure -> its estimate over seeds and speakers."""
    return {
        setting: {
            system: {measure: level_over_seeds(of_setting, system, measure) for measure in MEASURES}
            for system in of_setting[0].scores
        }
        for setting, of_setting in runs.items()
        if of_setting
    }


def _markdown(
    findings: Sequence[Finding],
    runs: Runs,
    levels: Levels,
    sweep: Sweep,
    made: Provenance,
    before: dict[str, dict[str, str]],
) -> str:
    """The page."""
    lines = [
        "# What is claimed of adversarial reweighting, and what we find",
        "",
        "Changes of the EER are relative, those of gap and spread in percentage points, on held-out speakers: against"
        " as much further training without weights (`continued`), or against a baseline that knows the genders."
        " Intervals (95 %) cross seeds and speakers. The published figures are on VoxCeleb1, against training without"
        " weights.",
        "",
        *provenance_lines(sweep, made),
        "",
        *claims_table(findings, before),
    ]
    for setting, systems in levels.items():
        first = runs[setting][0]
        lines += [
            "",
            f"## {setting}",
            "",
            f"{len(runs[setting])} seeds, {len(first.weights)} test speakers, {int(first.trials['target'].sum()):,}"
            f" targets and {int((~first.trials['target']).sum()):,} non-targets. Gap:"
            f" {' and '.join(first.groups('gap'))}"
            f" (`{first.gap}`). Spread: over {len(first.groups('spread'))} groups of `{first.spread}`.",
            "",
            "| system | EER | gap between genders | spread over groups |",
            "|---|---|---|---|",
            *(
                f"| {system} | " + " | ".join(_level(row[measure]) for measure in MEASURES) + " |"
                for system, row in systems.items()
            ),
        ]
    lines += [
        "",
        "Every row comes from",
        "",
        f"    isogloss sweep {sweep.path.as_posix()}",
        f"    isogloss claims {sweep.path.as_posix()}",
    ]
    return "\n".join([*lines, ""])


def _level(estimate: Estimate) -> str:
    """A rate with its interval."""
    bounds = estimate.interval
    shown = percent(estimate.value, digits=2)
    return shown if bounds is None else f"{shown} ({interval((max(bounds[0], 0.0), bounds[1]), digits=2)})"
