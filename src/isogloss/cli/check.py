"""`isogloss check`: report everything that a corpus and the params cannot do together, before any training."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.entry import entry
from isogloss.errors import CorpusError, ParamsError

if TYPE_CHECKING:
    from isogloss.config.params import Params


@click.command(epilog="\b\nExample:\n  isogloss check -S corpus.source=mine -S 'attribute.columns=[accent]'")
@click.option(
    "-S", "settings", metavar="KEY=VALUE", multiple=True, help="Set this param for this check only. Repeatable."
)
@entry
def check(settings: tuple[str, ...]) -> None:
    """Say what this corpus and these params cannot do, from tables and audio headers; `isogloss run` checks the same.

    It checks the number of speakers in each split and cohort, cohort rules whose inputs are missing, letters that the
    train split lacks, durations, sampling rates and channels. Exit code 2 means that a run would be refused.
    """
    from isogloss.config.overrides import overridden
    from isogloss.config.params import Params
    from isogloss.config.reading import parse_yaml, read_yaml, validated

    overrides = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise ParamsError(f"-S {setting}: give KEY=VALUE, as in -S corpus.source=mine")
        overrides[key] = parse_yaml(value, where=f"-S {setting}")
    content = overridden(read_yaml(Path("params.yaml")) or {}, overrides, where="-S")
    refuse_unready(validated(content, Params, where="params.yaml"))
    click.echo("Nothing stops a run.")


def refuse_unready(params: "Params", *, recogniser: bool = False) -> None:
    """Print what corpus and params cannot do; raise a `CorpusError` where some of it stops a run.

    `recogniser` says whether the run would train a recogniser.
    """
    from isogloss.corpus.readiness import findings

    found = findings(params, recogniser=recogniser)
    for finding in sorted(found, key=lambda one: not one.stops):
        click.echo(f"{'stops a run' if finding.stops else 'warning'}: {finding.sentence}", err=finding.stops)
    stopping = sum(finding.stops for finding in found)
    if stopping:
        raise CorpusError(f"{stopping} of {len(found)} findings stop a run; change the corpus or the params")
