"""Manifests that a Lhotse recipe makes from a corpus as distributed.

Recipes are found by name among the functions `lhotse.recipes.prepare_*` of the version that is installed. Nothing is
downloaded by us; the few recipes that fetch word lists or alignments themselves say so in Lhotse's documentation.
"""

import difflib
import hashlib
import importlib
import inspect
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from isogloss.errors import CorpusError, ParamsError

Record = dict[str, Any]
Line = int | str
"""Line number in a manifest; for the output of a recipe, the id."""
Part = tuple[str, Path, list[tuple[Line, Record]], list[tuple[Line, Record]]]
"""Name and path of a part, its recordings, and its supervisions; each recording or supervision comes with its line."""
Setting = str | int | float | bool


def made_by(recipe: str, folder: Path, options: Mapping[str, Setting]) -> list[Part]:
    """The parts of a corpus, in the order of their names; files below the folder have paths relative to it.

    Parameters
    ----------
    recipe
        The name after `prepare_`, as in `librispeech`.
    folder
        What the recipe takes first: the folder of the corpus.
    options
        Further arguments of the recipe by name.

    Raises
    ------
    ParamsError
        There is no such recipe, it has no such option, or it wants more than the folder and the options.
    CorpusError
        The recipe fails, or makes no recordings with supervisions.
    """
    root, prepare = folder.resolve(), _recipe(recipe)
    with tempfile.TemporaryDirectory() as scratch:
        arguments = _arguments(recipe, prepare, options, scratch)
        try:
            made = prepare(root, **arguments)
            # Some manifests are read lazily from the scratch folder.
            parts = list(_parts_in(made, root, ""))
        except Exception as error:  # Recipes may raise exceptions of any kind.
            raise CorpusError(f"Lhotse's recipe {recipe} cannot read {folder}: {_error_text(error)}") from None
    if not parts:
        raise CorpusError(
            f"Lhotse's recipe {recipe} makes no pair of recordings and supervisions of {folder}; give the folder of "
            "the whole corpus"
        )
    return parts


def digest(parts: list[Part]) -> str:
    """The sha256 of the content of all parts, by which a changed corpus is noticed."""
    content = hashlib.sha256()
    for name, _, recordings, supervisions in parts:
        for record in (name, *(r for _, r in recordings), *(s for _, s in supervisions)):
            content.update(json.dumps(record, sort_keys=True, default=str).encode() + b"\n")
    return content.hexdigest()


def _recipe(name: str) -> Callable[..., Any]:
    """The function of a recipe; its module is reloaded, since some keep counters between calls (SBCSAE)."""
    recipes = importlib.import_module("lhotse.recipes")
    function = getattr(recipes, f"prepare_{name}", None)
    if function is None:
        known = sorted(each.removeprefix("prepare_") for each in dir(recipes) if each.startswith("prepare_"))
        near = difflib.get_close_matches(name, known)
        raise ParamsError(
            f"Lhotse has no recipe {name!r}; did you mean {' or '.join(near)}?"
            if near
            else f"Lhotse has no recipe {name!r}; it has {', '.join(known)}"
        )
    anew: Callable[..., Any] = getattr(
        importlib.reload(importlib.import_module(function.__module__)), function.__name__
    )
    return anew


def _arguments(
    recipe: str, prepare: Callable[..., Any], options: Mapping[str, Setting], scratch: str
) -> dict[str, Setting]:
    """The arguments of a recipe beside the folder; one that has to write manifests writes them into `scratch`."""
    _, *parameters = inspect.signature(prepare).parameters.values()
    known = [parameter.name for parameter in parameters]
    for name in options:
        if name not in known:
            raise ParamsError(f"Lhotse's recipe {recipe} has no option {name!r}; it has {', '.join(known) or 'none'}")
    arguments = dict(options)
    needed = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    if "output_dir" in needed:
        arguments.setdefault("output_dir", scratch)
    missing = [name for name in needed if name not in arguments]
    if missing:
        raise ParamsError(
            f"Lhotse's recipe {recipe} wants {' and '.join(missing)} too; add "
            + " ".join(f"--recipe-option {name}=..." for name in missing)
        )
    return arguments


def _parts_in(made: Any, root: Path, name: str) -> Iterator[Part]:
    """The pairs of manifests in what a recipe returns: one pair, or some by part, or by language and part."""
    if not isinstance(made, dict):
        return
    if not {"recordings", "supervisions"} <= set(made):
        for key in sorted(made, key=str):
            yield from _parts_in(made[key], root, f"{name}-{key}".lstrip("-"))
        return
    recordings = [_relative(item.to_dict(), root) for item in made["recordings"]]
    supervisions = sorted((item.to_dict() for item in made["supervisions"]), key=lambda record: str(record.get("id")))
    yield name or "all", root, _by_id(recordings), _by_id(supervisions)


def _by_id(records: list[Record]) -> list[tuple[Line, Record]]:
    """Records with their ids, by which they are found."""
    return [(str(record.get("id")), record) for record in records]


def _relative(recording: Record, root: Path) -> Record:
    """A recording whose files below the root have relative paths."""
    below = f"{root}/"
    for source in recording.get("sources", ()):
        source["source"] = str(source.get("source")).removeprefix(below)
    return recording


def _error_text(error: Exception) -> str:
    """The message of an exception in one line, with its class if the text alone says little."""
    said = " ".join(str(error).split()).rstrip(".")
    return said if said and isinstance(error, OSError | ValueError | AssertionError | ImportError) else repr(error)
