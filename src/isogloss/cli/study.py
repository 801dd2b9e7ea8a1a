"""`isogloss study`: the finished runs of an experiment, over seeds and speakers."""

from pathlib import Path

import click

from isogloss.entry import entry


@click.command(epilog="\b\nExample:\n  isogloss study experiments/encoders.yaml")
@click.argument("experiment", metavar="FILE")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("docs/studies"), show_default=True
)
@entry
def study(experiment: str, out: Path) -> None:
    """Judge the settings of an experiment file on test, with intervals over seeds and speakers.

    Prints the table and writes it to --out, with its numbers and, where the file names an axis, its picture.
    """
    from rich.console import Console
    from rich.table import Table

    from isogloss.config import load_sweep
    from isogloss.pipeline.repo.outputs import finished_runs, output_file, read_output
    from isogloss.pipeline.repo.worktree import CacheSettings
    from isogloss.report.readings import read_metric
    from isogloss.studies.systems import systems
    from isogloss.studies.writing import table_rows, write_study

    root = Path.cwd()
    sweep = load_sweep(experiment)
    saved, cache = finished_runs(sweep, root=root), CacheSettings.of(root).files
    rows = systems(
        sweep,
        {
            run.name: output_file(saved[run.name], sweep.study_table(run.setting), root=root)
            for run in sweep.runs
            if run.name in saved
        },
        lambda run, metric: read_metric(metric, lambda path: read_output(saved[run], path, cache)),
    )
    headings, cells = table_rows(sweep, rows)
    table = Table(*headings, box=None, pad_edge=False)
    for row in cells:
        table.add_row(*row)
    Console(highlight=False).print(table)
    missing = len(sweep.runs) - len(saved)
    if missing:
        click.echo(f"{missing} of {len(sweep.runs)} runs are not finished; `isogloss sweep {experiment}` goes on.")
    for path in write_study(sweep, rows, out):
        click.echo(path)
