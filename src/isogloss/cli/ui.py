"""`isogloss ui`: Prefect's server, workers and deployments on this host."""

from pathlib import Path

import click

from isogloss.entry import entry


@click.command(epilog="\b\nExample:\n  isogloss ui")
@click.option("--port", type=click.IntRange(1, 65535), default=4200, show_default=True, help="Port on 127.0.0.1.")
@entry
def ui(port: int) -> None:
    """Start Prefect's server with its pages, a worker for each pool, and the deployments of prefect.yaml.

    Runs that are started in this clone while the server is up are shown in its pages. Only this host can reach the
    server; set PREFECT_SERVER_API_AUTH_STRING=user:password to require a password. Ctrl-C stops the server and its
    workers.
    """
    from isogloss.corpus.frontend.audio_root import DATA_VARIABLE, data_folder
    from isogloss.pipeline.workers.interface import serve

    root = Path.cwd()
    environment = {DATA_VARIABLE: str(data_folder(root).resolve())}
    serve(root, port=port, environment=environment, say=click.echo)
