"""`isogloss sensitivity`: which findings of an audit depend on the normaliser."""

from dataclasses import replace
from pathlib import Path

import click

from isogloss.entry import entry
from isogloss.errors import ParamsError


@click.command(epilog="\b\nExample:\n  isogloss sensitivity heard.jsonl --column ref=text --by age_band")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--after", type=click.Path(path_type=Path), help="The same utterances by a second system.")
@click.option(
    "--by", metavar="COLUMN", multiple=True, required=True, help="Compare the values of this column. Repeatable."
)
@click.option(
    "--column",
    "columns",
    metavar="OURS=THEIRS",
    multiple=True,
    help="Use column THEIRS as OURS, as in ref=transcript. Repeatable.",
)
@click.option(
    "--normalise",
    "normalisers",
    metavar="STEPS",
    multiple=True,
    default=("none", "basic", "english"),
    show_default=True,
    help="Steps of normalisation, as for `isogloss audit --normalise`. Repeatable.",
)
@click.option("--min-speakers", type=click.IntRange(min=1), default=5, show_default=True, help="As of audit.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Of resamples.")
@entry
def sensitivity(
    table: Path,
    after: Path | None,
    by: tuple[str, ...],
    columns: tuple[str, ...],
    normalisers: tuple[str, ...],
    min_speakers: int,
    seed: int,
) -> None:
    """Audit TABLE once under each normaliser, and say which findings depend on the choice.

    A cell says yes or no, with the error rate of the cohort, or `untested` if the cohort has too few speakers. A star
    marks lines that hold both a yes and a no.
    """
    from isogloss.cli.auditing import audit_utterances
    from isogloss.cli.given import column_mapping
    from isogloss.config import StatisticsParams
    from isogloss.consoles import Table, console
    from isogloss.io.normalise import parse_steps
    from isogloss.judging.intake import Request
    from isogloss.judging.sensitivity import sensitivity as compare_normalisers
    from isogloss.report.terminal import plain
    from isogloss.report.text import percent

    steps = {written: parse_steps(written) for written in normalisers}
    if len(set(steps.values())) < len(normalisers):
        raise ParamsError("--normalise names the same steps twice; once is enough")
    request = Request(
        table=table,
        after=after,
        by=by,
        columns=column_mapping(columns),
        min_speakers=min_speakers,
        statistics=StatisticsParams(seed=seed),
    )
    audits = {written: audit_utterances(replace(request, normalise=parsed)) for written, parsed in steps.items()}
    for warning in dict.fromkeys(warning for one in audits.values() for warning in one.warnings):
        click.echo(f"isogloss: warning: {plain(warning)}", err=True)
    documents = {written: one.document for written, one in audits.items()}
    said = {True: "yes", False: "no", None: "untested"}
    shown = Table()
    for heading in ("", "finding", *normalisers):
        shown.add_column(heading)
    shown.add_row("", "error rate of everybody", *(percent(document.overall.before) for document in documents.values()))
    rows = compare_normalisers(documents)
    for row in rows:
        cells = [f"{said[row.holds.get(name)]} ({percent(row.rates.get(name))})" for name in normalisers]
        shown.add_row("*" if row.depends else "", plain(row.finding), *cells)
    console().print(shown)
    dependent = sum(row.depends for row in rows)
    click.echo(f"{dependent} of {len(rows)} findings depend on the normaliser.")
