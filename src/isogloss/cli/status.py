"""`isogloss status`: which stages are stale, and why."""

from pathlib import Path

import click

from isogloss.entry import entry


@click.command(epilog="\b\nExample:\n  isogloss status")
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@entry
def status(stages: tuple[str, ...]) -> None:
    """Show which stages a run would look at, and why.

    A stage that only follows a stale one is checked again when the run reaches it, and left alone if its inputs turn
    out as they were. Works while a run is on.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from isogloss.config import load_params
    from isogloss.pipeline.repo.graph import plan as read_plan

    root = Path.cwd()
    load_params(root / "params.yaml")
    plan = read_plan(root)
    if stages:
        plan = plan.needed_by(stages)
    table = Table(box=None, pad_edge=False)
    for heading in ("stage", "state", "why"):
        table.add_column(heading, overflow="fold")
    for stage in plan.stages:
        state = Text("stale", style="yellow") if stage.stale else Text("up to date", style="green")
        table.add_row(Text(stage.name), state, Text(stage.why))
    Console(highlight=False).print(table)
