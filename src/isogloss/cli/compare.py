"""`isogloss compare`: experiments side by side, in the terminal or as a page."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.entry import entry

if TYPE_CHECKING:
    from isogloss.report.comparison import Comparison


@click.command()
@click.argument("experiments", nargs=-1, metavar="[FILE | EXPERIMENT]...")
@click.option("--metrics", multiple=True, metavar="METRIC", help="What to show, or a pattern: 'asr.*.wer'; repeatable.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with charts instead.")
@entry
def compare(experiments: tuple[str, ...], metrics: tuple[str, ...], html: Path | None) -> None:
    """Compare the params and metrics of experiments.

    FILE is one experiment file, and means its finished runs. Else name experiments, or none for all that started from
    the last commit; the workspace stands beside them. A METRIC is a key of metrics.json (asr.ewc.wer), a number in
    another JSON output (results/x.json:a.b), or an error rate of a result table
    (results/asr/base/utterances.parquet:wer.test).
    """
    from isogloss.cli.comparing import compare_experiments, compare_sweep
    from isogloss.config import load_sweep
    from isogloss.report.comparison_page import write_comparison

    root = Path.cwd()
    if len(experiments) == 1 and experiments[0].endswith((".yaml", ".yml")):
        comparison, notes = compare_sweep(root, load_sweep(experiments[0]), metrics)
    else:
        comparison, notes = compare_experiments(root, experiments, metrics)
    if html is None:
        _print(comparison)
    else:
        write_comparison(comparison, html)
        notes = [f"{html} compares {len(comparison.runs)} runs.", *notes]
    for note in notes:
        click.echo(note)


def _print(comparison: "Comparison") -> None:
    """The runs as a table; a star marks those whose setting is on the Pareto front."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from isogloss.report.comparison_scales import metric_text, param_text

    front = comparison.front()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", min_width=max(len(run.name) for run in comparison.runs))
    for heading in comparison.params:
        table.add_column(Text(heading), overflow="fold")
    for heading in comparison.labels.values():
        table.add_column(Text(heading), overflow="fold", justify="right")
    table.add_column("")
    for run in comparison.runs:
        cells = [param_text(run.params.get(key)) for key in comparison.params]
        cells += [metric_text(run.metrics[metric]) for metric in comparison.metrics]
        table.add_row(*map(Text, [run.name, *cells, "*" if run.setting in front else ""]))
    console = Console(highlight=False)
    console.print(table)
    if front and len(comparison.settings) > 1:
        console.print("* on the Pareto front of the settings' means", style="dim")
