"""`isogloss run`: bring the stages up to date."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from isogloss.cli.check import refuse_unready
from isogloss.cli.completion import complete_stages
from isogloss.cli.flows import load_flow
from isogloss.entry import entry

EARLY = {"corpus", "prepare", "validate", "train_asr", "train_speaker", "discover"}
"""Stages that depend on the corpus; before they run, `isogloss check` is done."""


@click.command(epilog="\b\nExample:\n  isogloss run report")
@click.argument("stages", nargs=-1, metavar="[STAGE]...", shell_complete=complete_stages)
@click.option(
    "--pools", is_flag=True, help="Run the stages on workers of the Prefect pools gpu and cpu, on this host or others."
)
@click.option("--force", is_flag=True, help="Run each STAGE (all stages if none is named) even if it is up to date.")
@click.option("--dry-run", is_flag=True, help="Show which stages this run would execute, and why; execute nothing.")
@partial(entry, interrupted="finished stages are kept, the next run continues")
def run(stages: tuple[str, ...], pools: bool, force: bool, dry_run: bool) -> None:
    """Run the stages whose inputs changed, and no others.

    Without STAGE, all stages are run; with STAGE (mitigate@ewc, or mitigate for all methods), that stage and those it
    depends on. Stages that do not depend on each other run in parallel. Ctrl-C stops the run; the next one continues.
    """
    from isogloss.cli.status import show_plan
    from isogloss.config import load_params
    from isogloss.pipeline.host.run_lock import run_lock
    from isogloss.pipeline.prefect_api.handed import handed
    from isogloss.pipeline.prefect_api.server import starting_api
    from isogloss.pipeline.reproduce import plan_run
    from isogloss.pipeline.workers.view import workers_view

    if pools and force:
        raise click.UsageError("--force runs stages on this host; workers take a result that is known, so drop --pools")
    root = Path.cwd()
    params = load_params(root / "params.yaml")
    if dry_run:
        plan = plan_run(root, stages, force=force)
        show_plan(replace(plan, stages=plan.stale))
        return
    # The server starts while the plan is made; if there is nothing to do, it is ended again.
    with run_lock(root), starting_api(root, private=not pools, say=click.echo) as wait_until_up:
        plan = plan_run(root, stages, force=force)
        if not plan.stale:
            click.echo(f"Nothing to do: all {len(plan.stages)} stages are up to date.")
            return
        if pools:
            workers_view(root, plan)  # Refuse before Prefect is imported, which is slow.
        early = EARLY & {stage.name.partition("@")[0] for stage in plan.stale}
        if early and (root / "corpora").is_dir():  # Other pipelines may have stages of these names.
            refuse_unready(params, recogniser="train_asr" in early)
        click.echo(f"{len(plan.stale)} of {len(plan.stages)} stages are stale.")
        wait_until_up()
        with handed(plan):
            load_flow(root / "flows" / "reproduce.py").reproduce(targets=list(stages), pools=pools)
