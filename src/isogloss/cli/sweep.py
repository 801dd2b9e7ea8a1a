"""`isogloss sweep`: the runs of an experiment file."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.cli.flows import load_flow
from isogloss.entry import entry

if TYPE_CHECKING:
    from isogloss.pipeline.sweeps.sweep_plan import SweepPlan

MOST_COLUMNS = 6
"""Params that a table of runs shows; with more, a row would take many lines."""


@click.command(epilog="\b\nExample:\n  isogloss sweep experiments/ewc-strength.yaml --dry-run")
@click.argument("experiment", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Number of stages that may run at once.  [default: as cores and GPUs allow]",
)
@click.option("--dry-run", is_flag=True, help="Show the runs and what they share; run nothing.")
@partial(entry, interrupted="finished stages are kept, the next run continues")
def sweep(experiment: Path, jobs: int | None, dry_run: bool) -> None:
    """Execute the unfinished runs of an experiment file such as experiments/ewc-strength.yaml.

    Each run executes the last commit with other params in its own worktree; stages with the same inputs run once.
    Results are DVC experiments: `isogloss compare FILE` and `dvc exp show` list them. Ctrl-C stops the sweep; the
    next one continues.
    """
    from isogloss.config import load_params, load_sweep
    from isogloss.corpus.frontend.audio_root import DATA_VARIABLE, data_folder
    from isogloss.pipeline.host.run_lock import run_lock
    from isogloss.pipeline.prefect_api.handed import handed
    from isogloss.pipeline.prefect_api.server import prefect_api
    from isogloss.pipeline.sweeps.sweep_plan import plan_sweep

    root = Path.cwd()
    load_params(root / "params.yaml")
    loaded = load_sweep(experiment)
    with run_lock(root):
        plan = plan_sweep(root, loaded)
        if dry_run:
            _show(plan)
            return
        if not plan.unfinished:
            click.echo(f"Nothing to do: all {len(plan.runs)} runs are finished.")
            return
        click.echo(f"{len(plan.unfinished)} of {len(plan.runs)} runs to do, {len(plan.leading)} different stages.")
        # A relative path would mean another folder in a worktree.
        environment = {DATA_VARIABLE: str(data_folder(root).resolve())}
        with prefect_api(root, say=click.echo), handed(plan):
            load_flow(root / "flows" / "sweep.py").sweep(
                experiment=str(experiment), most_at_once=jobs, environment=environment
            )


def _show(plan: "SweepPlan") -> None:
    """The runs as a table, with the values of their params if these are few enough for a line."""
    from rich.text import Text

    from isogloss.consoles import Table, console

    own = Counter(name.partition("/")[0] for name in plan.leading)
    table = Table()
    varied = plan.sweep.varied if len(plan.sweep.varied) <= MOST_COLUMNS else ()
    headings = ("run", *varied, "state", "stages", "of its own")
    for heading in headings:
        table.add_column(heading)
    for run in plan.runs:
        values = [str(run.run.overrides.get(key, "")) for key in varied]
        state = ("finished", "green") if run.finished else ("to do", "yellow")
        counts = [str(len(run.plan.stages)), "" if run.finished else str(own[run.run.name])]
        table.add_row(run.run.name, *map(Text, values), Text(*state), *counts)
    console().print(table)
    if not varied and plan.sweep.varied:
        click.echo(
            f"{len(plan.sweep.varied)} params differ between runs; {plan.sweep.path.as_posix()} has their values."
        )
