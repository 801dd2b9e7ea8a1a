"""The table of claims and the Pareto picture, for `docs/`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from isogloss.judging.statistics import Estimate, mean_over_seeds
from isogloss.judging.statistics import estimands as of
from isogloss.studies.claims import BASE, HEADINGS, Finding
from isogloss.studies.recognition_claims import JudgedRun, bases_of, given_bases, totals_for
from isogloss.studies.scatter import Point, scatter
from isogloss.tables import atomic_path, write_json


def write_claims(findings: Sequence[Finding], runs: Sequence[JudgedRun], experiment: Path, folder: Path) -> list[Path]:
    """Write `<experiment>.md`, its numbers as JSON, and the Pareto picture; the files in that order."""
    name = experiment.stem
    files = [folder / f"{name}.md", folder / f"{name}.json", folder / f"{name}.svg"]
    rates, changes, bases = system_rates(runs), system_changes(runs), len(set(bases_of(runs)))
    with atomic_path(files[2]) as temporary:
        temporary.write_text(_picture(changes), encoding="utf-8")
    content = {
        "experiment": experiment.as_posix(),
        "runs": len(runs),
        "base_models": bases,
        "given_base_models": bases < len(runs),
        "claims": [{**asdict(f), "claim": f.claim.model_dump(), "verdict": f.verdict} for f in findings],
        "systems": {system: {"overall": asdict(o), "worst": asdict(w)} for system, (o, w) in rates.items()},
        "changes": {system: {"overall": asdict(o), "worst": asdict(w)} for system, (o, w) in changes.items()},
    }
    write_json(content, files[1])
    with atomic_path(files[0]) as temporary:
        temporary.write_text(_markdown(findings, len(runs), bases, experiment), encoding="utf-8")
    return files


def system_rates(runs: Sequence[JudgedRun]) -> dict[str, tuple[Estimate, Estimate]]:
    """Overall word error rate on test and that of the worst cohort on discovery, of each system, over seeds."""
    found, bases = {}, bases_of(runs)
    for system in runs[0].tables:
        overall, worst = (
            [totals_for(run, BASE, system, measure)[0] for run in runs] for measure in ("overall", "worst")
        )
        after = of.rate(column=2)
        found[system] = (
            mean_over_seeds([(groups, after) for groups in overall], bases=bases),
            mean_over_seeds([(groups, after) for groups in worst], bases=bases),
        )
    return found


def system_changes(runs: Sequence[JudgedRun]) -> dict[str, tuple[Estimate, Estimate]]:
    """Relative changes of the same two rates against the base model's, of each system but it."""
    bases = bases_of(runs)
    return {
        system: (
            mean_over_seeds([totals_for(run, BASE, system, "overall") for run in runs], bases=bases),
            mean_over_seeds([totals_for(run, BASE, system, "worst") for run in runs], bases=bases),
        )
        for system in runs[0].tables
        if system != BASE
    }


def _picture(changes: dict[str, tuple[Estimate, Estimate]]) -> str:
    """Changes of the overall and of the worst cohort's error rate; better is lower left, and the base model is at 0.

    Changes, because they are paired: how hard the speakers are to recognise blurs both rates of a system alike.
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


def _markdown(findings: Sequence[Finding], runs: int, bases: int, experiment: Path) -> str:
    """The page; where runs share base models, it says that the intervals are given these."""
    given = given_bases(bases, runs)
    beyond = f", given {given}; others may bear out less" if given else ""
    lines = [
        "# What the papers claim of mitigation, and what we find",
        "",
        f"On Atlas, {runs} runs. Changes are relative, on test, weighted to the population; intervals (95 %)"
        f" cross seeds and speakers{beyond}. *Reproduced*: the whole interval lies on the claim's side; *direction"
        " only*: the estimate does; claims that something does not rise (or fall) allow the margin that they name, 2 %"
        " unless it is said otherwise. Options were chosen on dev by one rule, with as many trials for every method.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
        *("| " + " | ".join(finding.cells) + " |" for finding in findings),
        "",
        f"![Changes of the overall and of the worst cohort's error rate by every mitigation]({experiment.stem}.svg)",
        "",
        "Every row comes from",
        "",
        f"    isogloss sweep experiments/{experiment.stem}-trials.yaml",
        f"    isogloss choose experiments/{experiment.stem}-trials.yaml --into {experiment.as_posix()}",
        f"    isogloss sweep {experiment.as_posix()}",
        f"    isogloss claims {experiment.as_posix()}",
    ]
    return "\n".join([*lines, ""])
