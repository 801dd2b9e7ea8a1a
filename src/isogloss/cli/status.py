"""`isogloss status`: which stages are stale, and why."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isogloss.cli.completion import complete_stages
from isogloss.entry import entry

if TYPE_CHECKING:
    from isogloss.pipeline.plan import Plan


@click.command(epilog="\b\nExample:\n  isogloss status")
@click.argument("stages", nargs=-1, metavar="[STAGE]...", shell_complete=complete_stages)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: each stage's name, whether it is stale, and why.")
@click.option("--times", is_flag=True, help="Show how long each stage took when it last ran, and the critical path.")
@entry
def status(stages: tuple[str, ...], as_json: bool, times: bool) -> None:
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
        shown: dict[str, Any] = {"stages": lines}
        if times:
            shown |= _times(plan, root)
        click.echo(json.dumps(shown, indent=2))
    elif times:
        show_times(**_times(plan, root))
    else:
        show_plan(plan)


def _times(plan: "Plan", root: Path) -> dict[str, Any]:
    """The seconds of each stage's last execution, and the critical path."""
    from isogloss.pipeline.provenance import last_seconds

    names = {stage.name for stage in plan.stages}
    seconds = {name: taken for name, taken in last_seconds(root).items() if name in names}
    return {"seconds": seconds, "critical_path": [*plan.critical_path(seconds)] if seconds else []}


def show_times(seconds: dict[str, float], critical_path: list[str]) -> None:
    """Print how long stages took, the longest first, and the chain of stages that no number of cores makes shorter."""
    from rich.text import Text

    from isogloss.consoles import Table, console
    from isogloss.pipeline.console import duration

    if not seconds:
        click.echo("No stage has run here yet, so there are no times; `isogloss run` records them.")
        return
    table = Table()
    table.add_column("stage")
    table.add_column("last took", justify="right")
    table.add_column("critical path")
    for name, taken in sorted(seconds.items(), key=lambda one: -one[1]):
        place = str(critical_path.index(name) + 1) if name in critical_path else ""
        table.add_row(Text(name), duration(taken), place)
    console().print(table)
    path = sum(seconds.get(name, 0.0) for name in critical_path)
    total = duration(sum(seconds.values()))
    click.echo(f"{total} in all; {duration(path)} on the critical path, whose stages run one after the other.")


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
