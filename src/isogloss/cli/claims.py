"""`isogloss claims`: what the papers say of mitigation against the finished runs of an experiment."""

from functools import partial
from pathlib import Path

import click

from isogloss.entry import entry


@click.command()
@click.argument("experiment", metavar="FILE", default="experiments/claims-asr.yaml")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("docs/studies"), show_default=True
)
@entry
def claims(experiment: str, out: Path) -> None:
    """Judge the papers' claims on the runs of an experiment file, over seeds and speakers.

    Prints the table and writes it to --out, with its numbers and the picture of overall against worst-cohort error.
    """
    from rich.console import Console
    from rich.table import Table

    from isogloss.config import load_params, load_sweep
    from isogloss.pipeline.outputs import finished_runs, output_file
    from isogloss.studies.claims import judge, published_claims, read_run
    from isogloss.studies.claims_page import HEADINGS, cells, write_claims

    root, sweep, params = Path.cwd(), load_sweep(experiment), load_params()
    rule = sweep.experiment.base.get("mitigation.rule", params.mitigation.rule)
    methods = sweep.experiment.base.get("mitigation.methods", params.mitigation.methods)
    saved = finished_runs(sweep, root=root)
    runs = [read_run(partial(output_file, run, root=root), methods=methods, rule=rule) for run in saved.values()]
    findings = judge(published_claims(), runs)
    table = Table(*HEADINGS, box=None, pad_edge=False)
    for finding in findings:
        table.add_row(*cells(finding))
    Console(highlight=False).print(table)
    if len(saved) < len(sweep.runs):
        click.echo(
            f"{len(sweep.runs) - len(saved)} of {len(sweep.runs)} runs are not finished; "
            f"`isogloss sweep {experiment}` goes on."
        )
    for path in write_claims(findings, runs, Path(experiment), out):
        click.echo(path)
