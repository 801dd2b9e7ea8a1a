"""Prefect's server as a process: `python -m isogloss.pipeline.prefect_api.serve PORT [--private]`.

`prefect server start` imports Prefect's command line too. A private server has no pages and none of the services for
deployments; it neither registers block types nor imports every installed integration for them. Both together take 5.8 s
of processor time instead of 9.6 until the server answers.
"""

import os
import sys
from pathlib import Path

from isogloss.garbage import while_importing
from isogloss.pipeline.prefect_api.database import put_database, refuse_unusable

_PRIVATE = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # Else it finds out whether they have changed.
}


def main(port: int, *, private: bool) -> None:
    """Serve the API on loopback until a signal comes; the database is in the folder PREFECT_HOME."""
    home = Path(os.environ["PREFECT_HOME"])
    put_database(home)
    refuse_unusable(home)
    os.environ.update(_PRIVATE if private else {"PREFECT_SERVER_UI_ENABLED": "true"})
    with while_importing():
        import uvicorn
        from prefect.server.api.server import create_app

        app = create_app(ephemeral=private, final=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), private="--private" in sys.argv)
