"""`dvc repro` of one stage, made safe against kills, damaged objects and edited inputs.

    python -m isogloss.pipeline.repo.repro STAGE [--params FILE] [--force]  # FILE: `isogloss.pipeline.repo.inputs_hold`

`--single-item` keeps siblings from locking each other out (treeverse/dvc#11054), and `--wait-for-lock` keeps a stage
from failing after its command because a sibling was just writing dvc.lock. Once the command has succeeded, Ctrl-C does
not interrupt DVC while it moves the outputs into its cache and writes dvc.lock.
"""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

from isogloss.pipeline.repo.cache_check import check_before_use
from isogloss.pipeline.repo.durable import write_whole
from isogloss.pipeline.repo.inputs_hold import hold_inputs
from isogloss.pipeline.repo.mending import mend_locks


def main(stage: str, *, params: Path | None = None, force: bool = False) -> int:
    """Bring one stage of the repository in the working directory up to date; returns DVC's exit status.

    With `force` its command runs even if DVC has its result.
    """
    from dvc.cli import main as dvc

    write_whole()
    mend_locks(Path.cwd())
    check_before_use()
    hold_inputs(params)
    _shield_commit()
    return int(dvc(["--wait-for-lock", "repro", "--single-item", *(["--force"] if force else []), stage]))


def _shield_commit() -> None:
    """Ignore SIGINT after the stage's command has ended, so that its result is recorded; this takes a short time."""
    from dvc.stage import run

    run_command = run.cmd_run

    def run_shielded(stage: Any, dry: bool = False, run_env: Any = None) -> None:
        run_command(stage, dry=dry, run_env=run_env)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    run.cmd_run = run_shielded


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("stage")
    parser.add_argument("--params", type=Path)
    parser.add_argument("--force", action="store_true")
    given = parser.parse_args()
    sys.exit(main(given.stage, params=given.params, force=given.force))
