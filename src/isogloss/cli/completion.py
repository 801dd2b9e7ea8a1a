"""Shell completion of the names of stages."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from isogloss.errors import IsoglossError


def complete_stages(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The stages and families of stages (`mitigate`) that begin with `incomplete` and were not named yet.

    The list is empty if the working directory is no repository, since a shell cannot show an error here.
    """
    from isogloss.pipeline.repo.graph import stage_names

    try:
        names = stage_names(Path.cwd())
    except IsoglossError:
        return []
    families = [name.partition("@")[0] for name in names]
    given = set(context.params.get("stages") or ())
    return [
        CompletionItem(n) for n in dict.fromkeys([*families, *names]) if n.startswith(incomplete) and n not in given
    ]
