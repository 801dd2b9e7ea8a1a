"""`isogloss status`: which stages are stale, and why."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.cli.completion import complete_stages
from isogloss.entry import entry

if TYPE_CHECKING:
    from isogloss.pipeline.plan import Plan


@click.command(epilog="\b\nExample:\n  isogloss status")
@click.argument("stages", nargs=-1, metavar="[STAGE]...", shell_complete=complete_stages)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: each stage's name, whether it is stale, and why.")
@entry
def status(stages: tuple[str, ...], as_json: bool) -> None:
    """Show which stages a run would look at, and why.

    A stage that is stale only because it depends on a stale one is checked again when the run reaches it, and skipped
    if its inputs have not changed. The command also works during a run.
    """
    from isogloss.config import load_params
    from isogloss.pipeline.repo.graph import plan as read_plan

    root = Path.cwd()
    load_params(root / "params.yaml")
    plan = read_plan(root)
    if stages:
        plan = plan.needed_by(stages)
    if as_json:
        lines = [{"stage": one.name, "stale": one.stale, "why": [*map(str, one.reasons)]} for one in plan.stages]
        click.echo(json.dumps({"stages": lines}, indent=2))
    else:
        show_plan(plan)


def show_plan(plan: "Plan") -> None:
    """Print the stages of a plan, which of them are stale, and why."""
    from rich.text import Text

    from isogloss.consoles import Table, console

    table = Table()
    for heading in ("stage", "state", "why"):
        table.add_column(heading)
    for stage in plan.stages:
        state = Text("stale", style="yellow") if stage.stale else Text("up to date", style="green")
        table.add_row(Text(stage.name), state, Text(stage.why))
    console().print(table)
