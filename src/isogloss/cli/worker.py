"""`isogloss worker`: run stages on this host for a coordinator on another one."""

from pathlib import Path

import click

from isogloss.entry import entry
from isogloss.errors import PipelineError


@click.command(epilog="\b\nExample:\n  isogloss worker gpu --limit 1")
@click.argument("pool", type=click.Choice(["gpu", "cpu", "coordinator"]))
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help="Number of stages to run at once.  [default: the number of GPUs or cores]",
)
@click.option("--name", help="The worker's name in Prefect's pages.")
@entry
def worker(pool: str, limit: int | None, name: str | None) -> None:
    """Run stages of a Prefect pool in this clone; `isogloss run --pools` submits them, on this host or another one.

    PREFECT_API_URL is the address of the server; by default it is the `isogloss ui` of this clone. The clone needs the
    coordinator's DVC remote and a git remote that has the coordinator's commits. Ctrl-C ends the worker and its stages.
    """
    from isogloss.corpus.frontend.audio_root import DATA_VARIABLE, data_folder
    from isogloss.pipeline.prefect_api.server import prefect_api
    from isogloss.pipeline.workers.processes import work_for

    root = Path.cwd()
    environment = {DATA_VARIABLE: str(data_folder(root).resolve())}
    with prefect_api(root, private=False):
        status = work_for(root, pool, limit=limit, name=name, environment=environment)
    if status != 0:
        raise PipelineError(f"the worker ended with exit code {status}")
