"""The options that were given on the command line: none is ignored without a word, and pairs are read alike."""

import math
from collections.abc import Collection
from typing import Any

import click
from click.core import ParameterSource

from isogloss.errors import ParamsError


class FiniteRange(click.FloatRange):
    """A number within bounds; click's own type takes "nan" for one, since it lies beyond no bound."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def given() -> dict[str, str]:
    """The parameters of the running command that do not have their default, and how they are written."""
    context = click.get_current_context()
    return {
        one.name: one.human_readable_name if isinstance(one, click.Argument) else one.opts[0]
        for one in context.command.params
        if one.name is not None
        and context.get_parameter_source(one.name) not in (None, ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    }


def refuse_useless(name: str, *, without: Collection[str], why: str) -> None:
    """Raise a `ParamsError` if the option `name` is given and none of those that it is about.

    Parameters
    ----------
    name
        Name of the parameter in the command's function.
    without
        Names of the parameters of which one must be given too.
    why
        What the option does, as a sentence with the option as its subject.
    """
    found = given()
    if name in found and not set(without) & set(found):
        raise ParamsError(f"{found[name]} {why}; leave it out")


def column_mapping(columns: tuple[str, ...]) -> dict[str, str]:
    """The `--column` options as a dictionary from our name of a column to its name in TABLE."""
    found: dict[str, str] = {}
    for option in columns:
        ours, theirs = pair(option, "--column", "OURS=THEIRS, such as ref=transcript")
        if ours in found:
            raise ParamsError(f"--column {ours} is given twice, as {found[ours]} and as {theirs}; leave one out")
        found[ours] = theirs
    return found


def pair(option: str, name: str, wanted: str) -> tuple[str, str]:
    """Split an option at its equals sign; `wanted` describes the form that a wrong one should have had."""
    one, _, other = option.partition("=")
    if not one or not other:
        raise ParamsError(f"{name} {option!r} is not {wanted}")
    return one, other
