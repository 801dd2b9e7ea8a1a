"""Params with some values replaced: dotted keys such as `ewc.strength`, as in `dvc exp run -S ewc.strength=30`."""

import copy
import io
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from isogloss.errors import ParamsError

Overrides = Mapping[str, Any]
"""Dotted key -> value."""


def overridden(params: dict[str, Any], overrides: Overrides, *, where: str) -> dict[str, Any]:
    """A copy of nested `params` with the values of `overrides`; sections that are missing are added.

    Raises
    ------
    ParamsError
        `params` are no sections, or a dotted key leads into a value that is none; the message begins with `where`.
    """
    if not isinstance(params, dict):
        raise ParamsError(f"{where}: params are a {type(params).__name__}, not sections; write `section:` and its keys")
    result = copy.deepcopy(params)
    for key, value in overrides.items():
        *sections, last = key.split(".")
        place = result
        for depth, section in enumerate(sections):
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ParamsError(f"{where}: {key!r} leads into {'.'.join(sections[: depth + 1])}, which is no section")
        place[last] = copy.deepcopy(value)
    return result


def overridden_text(text: str, overrides: Overrides, *, where: str) -> str:
    """The text of a params.yaml with the values of `overrides`; its comments and its order stay.

    Raises
    ------
    ParamsError
        As `overridden`.
    """
    if not overrides:
        return text
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.representer.add_representer(type(None), _null)
    content = yaml.load(text)
    written = io.StringIO()
    kept = {key: _on_one_line(value) for key, value in overrides.items()}
    yaml.dump(overridden({} if content is None else content, kept, where=where), written)
    return written.getvalue()


def _null(representer: RoundTripRepresenter, _: None) -> ScalarNode:
    """`null` as a word; ruamel.yaml leaves the place empty, also of values that nobody changed."""
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _on_one_line(value: Any) -> Any:
    """A list as `[a, b]`: in the form of a line for each item, ruamel.yaml misplaces comments and line ends."""
    if not isinstance(value, list):
        return value
    items = CommentedSeq([_on_one_line(item) for item in value])
    items.fa.set_flow_style()
    return items


def flattened(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every value of nested params; an empty section gives nothing."""
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
