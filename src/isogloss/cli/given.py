"""The options that were given on the command line, so that none is ignored without a word."""

from collections.abc import Collection

import click
from click.core import ParameterSource

from isogloss.errors import ParamsError


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
