"""`isogloss claims`: what the papers say of mitigation against the finished runs of an experiment."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.entry import entry

if TYPE_CHECKING:
    from isogloss.config import Sweep
    from isogloss.pipeline.repo.experiments import Experiment
    from isogloss.studies.claims import Finding


@click.command(epilog="\b\nExample:\n  isogloss claims experiments/claims-asr.yaml")
@click.argument("experiment", metavar="FILE", default="experiments/claims-asr.yaml")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("docs/studies"), show_default=True
)
@entry
def claims(experiment: str, out: Path) -> None:
    """Judge the papers' claims on the runs of an experiment file, over seeds and speakers.

    Prints the table and writes it to --out, with its numbers: claims about verifiers where the file sets
    `verification.methods`, else about recognisers, with the picture of overall against worst-cohort error.
    """
    from rich.console import Console
    from rich.table import Table

    from isogloss.config import load_sweep
    from isogloss.pipeline.repo.outputs import finished_runs
    from isogloss.studies.claims import HEADINGS

    sweep = load_sweep(experiment)
    saved = finished_runs(sweep)
    judge = _verification if "verification.methods" in sweep.experiment.base else _recognition
    findings, files = judge(sweep, saved, out)
    table = Table(*HEADINGS, box=None, pad_edge=False)
    for finding in findings:
        table.add_row(*finding.cells)
    Console(highlight=False).print(table)
    if len(saved) < len(sweep.runs):
        click.echo(
            f"{len(sweep.runs) - len(saved)} of {len(sweep.runs)} runs are not finished; "
            f"`isogloss sweep {experiment}` goes on."
        )
    for path in files:
        click.echo(path)


def _recognition(sweep: "Sweep", saved: "Mapping[str, Experiment]", out: Path) -> "tuple[list[Finding], list[Path]]":
    """Judge the claims about recognisers and write the page."""
    from isogloss.config import load_params
    from isogloss.pipeline.repo.outputs import output_file
    from isogloss.studies.claims import read_claims
    from isogloss.studies.recognition_claims import judge, read_run
    from isogloss.studies.recognition_page import write_claims

    params, base = load_params(), sweep.experiment.base
    rule = base.get("mitigation.rule", params.mitigation.rule)
    methods = base.get("mitigation.methods", params.mitigation.methods)
    runs = [read_run(partial(output_file, run), methods=methods, rule=rule) for run in saved.values()]
    findings = judge(read_claims("recognition"), runs)
    return findings, write_claims(findings, runs, sweep.path, out)


def _verification(sweep: "Sweep", saved: "Mapping[str, Experiment]", out: Path) -> "tuple[list[Finding], list[Path]]":
    """Judge the claims about verifiers, each setting for itself, and write the page."""
    from isogloss.config import load_params
    from isogloss.pipeline.repo.outputs import output_file
    from isogloss.studies.claims import read_claims
    from isogloss.studies.verification_claims import judge_verifiers, read_verifiers
    from isogloss.studies.verification_page import write_verification_claims

    params = load_params()
    runs: dict[str, list] = {}
    for run in sweep.runs:
        if run.name in saved:
            verifiers = read_verifiers(
                partial(output_file, saved[run.name]),
                methods=run.overrides["verification.methods"],
                gap=run.overrides.get("verification.attribute", params.verification.attribute),
                spread=run.overrides.get("cohorts.rules", params.cohorts.rules)[0],
                min_speakers=run.overrides.get("statistics.min_speakers", params.statistics.min_speakers),
            )
            runs.setdefault(run.setting.removeprefix(f"{sweep.name}-"), []).append(verifiers)
    findings = judge_verifiers(read_claims("verification"), runs)
    return findings, write_verification_claims(findings, runs, sweep.path, out)
