"""`isogloss run`: bring the stages up to date."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import click

from isogloss.entry import entry
from isogloss.errors import PipelineError


@click.command()
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@entry
def run(stages: tuple[str, ...]) -> None:
    """Run the stages whose inputs changed, and no others.

    Without STAGE all of them; with STAGE (mitigate@ewc, or mitigate for all its kinds) that one and what it needs.
    Stages that do not depend on each other run side by side. Ctrl-C stops the run; the next one continues.
    """
    from isogloss.config import load_params
    from isogloss.pipeline.lock import run_lock
    from isogloss.pipeline.reproduce import plan_run
    from isogloss.pipeline.server import prefect_api

    root = Path.cwd()
    load_params(root / "params.yaml")
    with run_lock(root):
        plan = plan_run(root, stages)
        if not plan.stale:
            click.echo(f"Nothing to do: all {len(plan.stages)} stages are up to date.")
            return
        click.echo(f"{len(plan.stale)} of {len(plan.stages)} stages to look at.")
        with prefect_api(root):
            load_flow(root / "flows" / "reproduce.py").reproduce(targets=list(stages), plan=plan)


def load_flow(path: Path) -> ModuleType:
    """Import a flow's file; flows live beside the package, as `dvc.yaml` and the stages do.

    Raises
    ------
    PipelineError
        The file does not exist.
    """
    if not path.is_file():
        raise PipelineError(f"{path} does not exist; run from the repository's root")
    spec = importlib.util.spec_from_file_location(f"flows.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise PipelineError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its annotations and Prefect's pickles look it up
    spec.loader.exec_module(module)
    return module
