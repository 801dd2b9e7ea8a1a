"""The table of claims about verifiers, and what every system reaches, for `docs/`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from isogloss.judging.statistics import Estimate
from isogloss.report.text import interval, percent
from isogloss.studies.claims import HEADINGS, Finding
from isogloss.studies.verification_claims import MEASURES, JudgedVerifiers, level_over_seeds
from isogloss.tables import atomic_path, write_json

Runs = Mapping[str, Sequence[JudgedVerifiers]]
Levels = dict[str, dict[str, dict[str, Estimate]]]


def write_verification_claims(findings: Sequence[Finding], runs: Runs, experiment: Path, folder: Path) -> list[Path]:
    """Write `<experiment>.md` and its numbers as JSON; the files in that order."""
    files = [folder / f"{experiment.stem}.md", folder / f"{experiment.stem}.json"]
    levels = system_levels(runs)
    content = {
        "experiment": experiment.as_posix(),
        "runs": {setting: len(of_setting) for setting, of_setting in runs.items()},
        "claims": [{**asdict(f), "claim": f.claim.model_dump(), "verdict": f.verdict} for f in findings],
        "systems": {
            setting: {system: {name: asdict(one) for name, one in row.items()} for system, row in systems.items()}
            for setting, systems in levels.items()
        },
    }
    write_json(content, files[1])
    with atomic_path(files[0]) as temporary:
        temporary.write_text(_markdown(findings, runs, levels, experiment), encoding="utf-8")
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


def _markdown(findings: Sequence[Finding], runs: Runs, levels: Levels, experiment: Path) -> str:
    """The page."""
    lines = [
        "# What is claimed of adversarial reweighting, and what we find",
        "",
        "Changes of the EER are relative, those of gap and spread in percentage points, on held-out speakers: against"
        " as much further training without weights (`continued`), or against a baseline that knows the genders."
        " Intervals (95 %) cross seeds and speakers. *Reproduced*: the whole interval lies on the claim's side;"
        " *direction only*: the estimate does. The published figures are on VoxCeleb1, against training without"
        " weights. Options are the defaults; none was tuned.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
        *("| " + " | ".join(finding.cells) + " |" for finding in findings),
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
        f"    isogloss sweep {experiment.as_posix()}",
        f"    isogloss claims {experiment.as_posix()}",
    ]
    return "\n".join([*lines, ""])


def _level(estimate: Estimate) -> str:
    """A rate with its interval."""
    bounds = estimate.interval
    shown = percent(estimate.value, digits=2)
    return shown if bounds is None else f"{shown} ({interval((max(bounds[0], 0.0), bounds[1]), digits=2)})"
