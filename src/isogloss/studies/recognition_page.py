"""The table of claims and the Pareto chart, for `docs/`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from isogloss.config.claim import BASE
from isogloss.config.experiment import Sweep
from isogloss.judging.statistics import Estimate, mean_over_seeds
from isogloss.judging.statistics import estimands as of
from isogloss.studies.claims import Finding
from isogloss.studies.claims_page import Provenance, claim_rows, claims_table, earlier, provenance_lines
from isogloss.studies.recognition_claims import JudgedRun, averaged, bases_of, totals_for
from isogloss.studies.scatter import Point, scatter
from isogloss.tables import atomic_path, write_json


def write_claims(
    findings: Sequence[Finding],
    stricter: Sequence[Finding],
    runs: Sequence[JudgedRun],
    sweep: Sweep,
    made: Provenance,
    folder: Path,
) -> list[Path]:
    """Write `<experiment>-<plan>.md`, its numbers as JSON, and the Pareto chart; returns the files in that order.

    `stricter` are the same findings by deciding speakers.
    """
    name = f"{sweep.name}-{made.plan}"
    files = [folder / f"{name}.md", folder / f"{name}.json", folder / f"{name}.svg"]
    rates, changes = system_rates(runs), system_changes(runs)
    content: dict[str, Any] = {
        "experiment": sweep.path.as_posix(),
        **asdict(made),
        "runs": len(runs),
        "base_models": len(set(bases_of(runs))),
        "claims": claim_rows(findings),
        "by_deciding_speakers": claim_rows(stricter),
        "systems": {system: {"overall": asdict(o), "worst": asdict(w)} for system, (o, w) in rates.items()},
        "changes": {system: {"overall": asdict(o), "worst": asdict(w)} for system, (o, w) in changes.items()},
    }
    before = earlier(folder, sweep.name, made.plan)
    with atomic_path(files[2]) as temporary:
        temporary.write_text(_picture(changes), encoding="utf-8")
    write_json(content, files[1])
    with atomic_path(files[0]) as temporary:
        text = _markdown(findings, stricter, len(runs), content["base_models"], sweep, made, before)
        temporary.write_text(text, encoding="utf-8")
    return files


def system_rates(runs: Sequence[JudgedRun]) -> dict[str, tuple[Estimate, Estimate]]:
    """Overall word error rate on test and that of the worst cohort on discovery, of each system, over base models."""
    found, bases = {}, bases_of(runs)
    for system in runs[0].tables:
        overall, worst = (
            averaged([totals_for(run, BASE, system, measure) for run in runs], bases)
            for measure in ("overall", "worst")
        )
        after = of.rate(column=2)
        found[system] = (
            mean_over_seeds([(groups, after) for groups, _ in overall]),
            mean_over_seeds([(groups, after) for groups, _ in worst]),
        )
    return found


def system_changes(runs: Sequence[JudgedRun]) -> dict[str, tuple[Estimate, Estimate]]:
    """Relative changes of the same two rates against the base model's, for each adapted system."""
    bases = bases_of(runs)
    overall, worst = (
        {
            system: mean_over_seeds(averaged([totals_for(run, BASE, system, measure) for run in runs], bases))
            for system in runs[0].tables
            if system != BASE
        }
        for measure in ("overall", "worst")
    )
    return {system: (overall[system], worst[system]) for system in overall}


def _picture(changes: dict[str, tuple[Estimate, Estimate]]) -> str:
    """Changes of the overall and of the worst cohort's error rate; better is lower left, and the base model is at 0.

    The chart shows changes because they are paired; the difficulty of the speakers affects both rates of a system.
    """
    points = []
    for system, (overall, worst) in changes.items():
        if overall.value is None or worst.value is None:
            continue
        across, up = overall.interval, worst.interval
        points.append(
            Point(
                label=system,
                series=system,
                x=100 * overall.value,
                y=worst.value,
                x_interval=None if across is None else (100 * across[0], 100 * across[1]),
                y_interval=None if up is None else (up[0], up[1]),
            )
        )
    return scatter(
        points,
        title="Who gains, and at whose cost: all mitigations against the base model",
        x_title="change of everybody's WER on test, per cent",
        y_title="change of the worst cohort's WER on test, per cent",
        legend=False,
        names_beside=True,
    )


STRICTER = ("p, by deciding speakers", "verdict, by deciding speakers")


def stricter_cells(finding: Finding) -> list[str]:
    """Adjusted p value and verdict, under `STRICTER`."""
    return finding.cells[-3:-1]


def _markdown(
    findings: Sequence[Finding],
    stricter: Sequence[Finding],
    runs: int,
    bases: int,
    sweep: Sweep,
    made: Provenance,
    before: dict[str, dict[str, str]],
) -> str:
    """The page."""
    lines = [
        "# What the papers claim of mitigation, and what we find",
        "",
        f"{runs} runs of {bases} base models. Changes are relative, on test; runs of one base model are averaged, and"
        " intervals (95 %) cross base models and speakers. Claims that something does not rise (or fall) allow the"
        " margin that they name. Options were chosen on dev by one rule.",
        "",
        *provenance_lines(sweep, made),
        "",
        "The plan counts the speakers' degrees of freedom by heads. In the last two columns they are counted as in a"
        " report, by the speakers who decide on a change, and where fewer than `statistics.min_deciding` do, nothing is"
        " decided. They were added after the first runs had been judged, since a few speakers decide on several changes"
        " of the worst cohort. Where the two verdicts differ, rely on the second.",
        "",
        *claims_table(findings, before, headings=STRICTER, cells=[stricter_cells(one) for one in stricter]),
        "",
        "![Changes of the overall and of the worst cohort's error rate by every mitigation]"
        f"({sweep.name}-{made.plan}.svg)",
        "",
        "Every row comes from",
        "",
        f"    isogloss sweep experiments/{sweep.name}-trials.yaml",
        f"    isogloss choose experiments/{sweep.name}-trials.yaml --into {sweep.path.as_posix()}",
        f"    isogloss sweep {sweep.path.as_posix()}",
        f"    isogloss claims {sweep.path.as_posix()}",
    ]
    return "\n".join([*lines, ""])
