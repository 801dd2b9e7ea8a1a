"""The command line: `isogloss ...`.

Each command is one module; `COMMANDS` lists them. A command's module imports slow packages only inside its function, so
that `isogloss --help` answers at once.
"""

from typing import Any

import click

from isogloss import __version__
from isogloss.cli.audit import audit
from isogloss.cli.check import check
from isogloss.cli.choose import choose
from isogloss.cli.claims import claims
from isogloss.cli.cohorts import cohorts
from isogloss.cli.compare import compare
from isogloss.cli.gate import gate
from isogloss.cli.ingest import ingest
from isogloss.cli.params import params
from isogloss.cli.run import run
from isogloss.cli.score import score
from isogloss.cli.sensitivity import sensitivity
from isogloss.cli.status import status
from isogloss.cli.study import study
from isogloss.cli.sweep import sweep
from isogloss.cli.transcribe import transcribe
from isogloss.cli.ui import ui
from isogloss.cli.worker import worker
from isogloss.closed_pipe import ending_with_its_reader

COMMANDS: tuple[click.Command, ...] = (
    audit,
    check,
    choose,
    claims,
    cohorts,
    compare,
    gate,
    ingest,
    params,
    run,
    score,
    sensitivity,
    status,
    study,
    sweep,
    transcribe,
    ui,
    worker,
)


class _Commands(click.Group):
    """A group that ends quietly when the reader of its output is gone, as in `isogloss --help | head`.

    Click would exit with code 1 while it prints a help text or a usage error.
    """

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Parse the arguments; click prints help texts in this method."""
        with ending_with_its_reader():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was parsed."""
        with ending_with_its_reader():
            return super().invoke(ctx)

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Parse and run; click prints usage errors in this method."""
        with ending_with_its_reader():
            return super().main(*arguments, **options)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="isogloss")
def main() -> None:
    """Find the cohorts of speakers that a speech model fails, mitigate, and prove who gained and who lost."""


for command in COMMANDS:
    main.add_command(command)
