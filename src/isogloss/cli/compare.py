"""`isogloss compare`: experiments side by side, in the terminal or as a page."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.entry import entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from isogloss.report.comparison import Comparison


@click.command(epilog="\b\nExample:\n  isogloss compare experiments/ewc-strength.yaml --html comparison.html")
@click.argument("experiments", nargs=-1, metavar="[FILE | EXPERIMENT]...")
@click.option(
    "--metrics", multiple=True, metavar="METRIC", help="A metric to show, or a pattern such as 'asr.*.wer'. Repeatable."
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with charts instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: each run's params, metrics, and why it is stale.")
@entry
def compare(experiments: tuple[str, ...], metrics: tuple[str, ...], html: Path | None, as_json: bool) -> None:
    """Compare the params and metrics of experiments.

    Name one experiment FILE to compare its finished runs. Or name DVC experiments, or nothing for all experiments that
    started from the last commit; that commit and the workspace are shown as well. A METRIC is a key of metrics.json
    (asr.ewc.wer), a number in another JSON output (results/x.json:a.b), or an error rate of a result table
    (results/asr/base/utterances.parquet:wer.test).
    """
    from isogloss.cli.comparing import compare_experiments, compare_sweep
    from isogloss.cli.outputs import refuse_overwriting
    from isogloss.config import load_sweep
    from isogloss.report.comparison_page import write_comparison

    if as_json and html is not None:
        raise click.UsageError("--json and --html do not go together; leave one out")
    refuse_overwriting({"--html": html}, [Path("params.yaml"), Path("metrics.json"), *map(Path, experiments)])
    root = Path.cwd()
    if len(experiments) == 1 and experiments[0].endswith((".yaml", ".yml")):
        comparison, notes = compare_sweep(root, load_sweep(experiments[0]), metrics)
    else:
        comparison, notes = compare_experiments(root, experiments, metrics)
    if as_json:
        click.echo(json.dumps(_content(comparison), indent=2, ensure_ascii=False))
        return
    if html is None:
        _print(comparison)
    else:
        write_comparison(comparison, html)
        notes = [f"{html} compares {len(comparison.runs)} runs.", *notes]
    for note in notes:
        click.echo(note)


def _content(comparison: "Comparison") -> dict[str, object]:
    """The params and metrics that the table shows, as plain values for JSON."""
    front = comparison.front()
    return {
        "title": comparison.title,
        "runs": [
            {
                "run": run.name,
                "stale": run.stale or None,
                "pareto_front": run.setting in front and not run.stale,
                "params": {key: run.params.get(key) for key in comparison.params},
                "metrics": {metric: run.metrics[metric] for metric in comparison.metrics},
            }
            for run in comparison.runs
        ],
    }


def _print(comparison: "Comparison") -> None:
    """The runs as a table; a star marks those whose setting is on the Pareto front."""
    from rich.text import Text

    from isogloss.consoles import Table, console
    from isogloss.report.comparison_scales import metric_text, param_text

    front = comparison.front()
    marks = {run.name: " (stale)" if run.stale else " *" if run.setting in front else "" for run in comparison.runs}
    columns = {"run": [f"{run.name}{marks[run.name]}" for run in comparison.runs]}
    columns |= {key: [param_text(run.params.get(key)) for run in comparison.runs] for key in comparison.params}
    columns |= {
        label: [metric_text(run.metrics[metric]) for run in comparison.runs]
        for metric, label in comparison.labels.items()
    }
    on = console()
    if _width(columns) > on.width:  # a dotted name has a line for each of its parts
        columns = {heading.replace(".", ".\n"): cells for heading, cells in columns.items()}
    left = set(list(columns)[: 1 + len(comparison.params)])
    for number, part in enumerate(_parts(columns, on.width)):
        table = Table()
        for heading in part:
            table.add_column(Text(heading), justify="left" if heading in left else "right", no_wrap=True)
        for row in zip(*part.values(), strict=True):
            table.add_row(*row)
        if number:
            on.print()
        on.print(table)
    if front and len(comparison.settings) > 1:
        on.print("* on the Pareto front of the settings' means", style="dim")


def _parts(columns: "Mapping[str, list[str]]", width: int) -> "list[dict[str, list[str]]]":
    """Columns in tables of at most this width, one below the other; each begins with the first column."""
    (first, names), *others = columns.items()
    parts = [{first: names}]
    for heading, cells in others:
        wider = {**parts[-1], heading: cells}
        if len(parts[-1]) > 1 and _width(wider) > width:
            parts.append({first: names, heading: cells})
        else:
            parts[-1] = wider
    return parts


def _width(columns: "Mapping[str, Sequence[str]]") -> int:
    """The width of a table with two spaces between columns; a heading may have several lines."""
    widths = [max(len(text) for text in [*heading.split("\n"), *cells]) for heading, cells in columns.items()]
    return sum(widths) + 2 * (len(widths) - 1)
