"""`isogloss gate`: may a candidate be released, or does it harm a cohort?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isogloss.cli.given import FiniteRange
from isogloss.closed_pipe import outliving_its_reader
from isogloss.entry import entry

if TYPE_CHECKING:
    from isogloss.gate import GateResult

FILE = click.Path(path_type=Path)
STYLES = {"passed": "green", "harmed": "bold red", "undecided": "yellow", "unjudged": "dim"}


class _FileOrCommand(click.Group):
    """A group that runs the command `check` if its first argument is not the name of a command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["check", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_FileOrCommand,
    epilog="\b\nExample:\n  isogloss gate gate.yaml --junit gate.xml\n  isogloss gate plan gate.yaml",
)
def gate() -> None:
    """Stop a release that harms a cohort beyond its margin: `isogloss gate GATE.YAML`.

    The file names the transcripts of a baseline and of a candidate, margins and cohorts (docs/gate.md). Exit codes: 0
    passed, 1 a cohort is harmed, 2 the input is wrong, 3 the speakers do not allow a decision. The code does not change
    when the output is cut short, as in `isogloss gate GATE.YAML | head`.
    """


@gate.command(epilog="\b\nExample:\n  isogloss gate gate.yaml --junit gate.xml --markdown summary.md")
@click.argument("file", type=FILE)
@click.option("--json", "json_file", type=FILE, help="Write the result as JSON.")
@click.option("--junit", type=FILE, help="Write the result as JUnit XML, for build servers.")
@click.option("--markdown", "markdown_file", type=FILE, help="Write the result as Markdown.")
@entry
def check(file: Path, json_file: Path | None, junit: Path | None, markdown_file: Path | None) -> None:
    """Judge a candidate against a baseline; `isogloss gate FILE` is the same."""
    from isogloss.cli.outputs import refuse_overwriting
    from isogloss.gate import read_gate, run_gate
    from isogloss.gate.junit import junit_xml
    from isogloss.gate.markdown import markdown
    from isogloss.gate.pairs import files_of
    from isogloss.report.terminal import plain
    from isogloss.tables import atomic_path, write_json

    params = read_gate(file)
    refuse_overwriting(
        {"--json": json_file, "--junit": junit, "--markdown": markdown_file},
        [file, *(file.parent / name for name in files_of(params))],
    )
    result = run_gate(params, file.parent)
    if json_file is not None:
        write_json(result.model_dump(mode="json"), json_file)
    for path, text in ((junit, junit_xml), (markdown_file, markdown)):
        if path is not None:
            with atomic_path(path) as temporary:
                temporary.write_text(text(result), encoding="utf-8")
    with outliving_its_reader():  # The exit code stays the same if the reader closes the pipe early.
        _show(result)
    with outliving_its_reader():
        for warning in result.warnings:
            click.echo(f"isogloss: warning: {plain(warning)}", err=True)
    click.get_current_context().exit(result.exit_code)


@gate.command(epilog="\b\nExample:\n  isogloss gate plan gate.yaml --power 0.9")
@click.argument("file", type=FILE)
@click.option(
    "--power",
    type=FiniteRange(0.5, 0.999),
    default=0.8,
    show_default=True,
    help="Probability with which each check is to pass.",
)
@click.option(
    "--expect",
    type=float,
    default=0.0,
    show_default=True,
    help="Assumed true relative change: -0.05 for a candidate that makes 5 % fewer errors.",
)
@entry
def plan(file: Path, power: float, expect: float) -> None:
    """Compute how many speakers the margins of a gate need.

    The variance between speakers is estimated from the two systems that the file names.
    """
    from isogloss.consoles import Table, console
    from isogloss.gate import read_gate
    from isogloss.gate.markdown import margin_text
    from isogloss.gate.planning import plan_gate
    from isogloss.report.terminal import plain
    from isogloss.report.text import percent, signed_percent

    needs = plan_gate(read_gate(file), file.parent, power=power, expected=expect)
    on = console()
    table = Table()
    table.add_column("cohort")
    for heading in ("margin", "speakers", "would pass", "needed"):
        table.add_column(heading, justify="right")
    for need in needs:
        passing = "–" if need.power is None else percent(need.power, digits=0)
        needed = "–" if need.missing else "no number" if need.needed is None else str(need.needed)
        speakers = "–" if need.speakers is None else str(need.speakers)
        table.add_row(plain(need.label), margin_text(need.margin), speakers, passing, needed)
    on.print(table)
    for need in needs:
        if need.missing:
            on.print(plain(f"{need.label}: {need.missing}"))
    on.print(
        plain(
            f"`would pass` is how probably these speakers keep the margin if the true change is "
            f"{signed_percent(expect)}, `needed` how many speakers like them do so with probability {power:g}. "
            "All checks together pass less often than each of them."
        )
    )


def _show(result: "GateResult") -> None:
    """Print the verdict and a table of all checks."""
    from rich.text import Text

    from isogloss.consoles import Table, console
    from isogloss.gate.markdown import change, margin_text
    from isogloss.report.terminal import plain
    from isogloss.report.text import percent

    on = console()
    on.print(Text(str(plain(result.sentence)), style=f"bold {STYLES[result.verdict].removeprefix('bold ')}"))
    table = Table()
    table.add_column("cohort")
    headings: tuple[tuple[str, Any], ...] = (
        ("speakers", "right"), ("WER", "right"), ("change", "right"), ("margin", "right"), ("verdict", "left"),
    )  # fmt: skip
    for heading, justify in headings:
        table.add_column(heading, justify=justify)
    for one in result.checks:
        rates = "–" if one.before is None else f"{percent(one.before)} → {percent(one.after)}"
        speakers = "–" if one.speakers is None else str(one.speakers)
        verdict = one.verdict if one.blocks or one.verdict == "passed" else f"{one.verdict}, allowed"
        cells = (speakers, rates, change(one), margin_text(one.margin))
        table.add_row(plain(one.label), *cells, Text(verdict, style=STYLES[one.verdict]))
    on.print(table)
    for one in result.checks:
        if one.verdict != "passed":
            on.print(plain(f"{one.label}: {one.reason}"))
    on.print(plain(result.level_sentence))
