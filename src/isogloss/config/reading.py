"""Reading YAML through pydantic: what does not fit is one sentence."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from isogloss.errors import ParamsError

AnySection = TypeVar("AnySection", bound=BaseModel)


def read_section(path: Path | str, model: type[AnySection]) -> AnySection:
    """Read a YAML file through a pydantic model; what does not fit is one `ParamsError` for the first problem."""
    content = read_yaml(path)
    return validated(content if content is not None else {}, model, where=str(path))


def read_yaml(path: Path | str) -> Any:
    """What a YAML file holds.

    Raises
    ------
    ParamsError
        The file does not exist or is not YAML.
    """
    path = Path(path)
    try:
        # YAML 1.2, as DVC reads it: there 1e-3 is a number, in PyYAML's 1.1 a string.
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist; run from the repository's root") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


def validated(content: Any, model: type[AnySection], *, where: str) -> AnySection:
    """Plain data as a pydantic model; the first problem is one `ParamsError` that begins with `where`."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ParamsError(f"{where}: {_sentence(error.errors()[0], model)}") from None


def validated_part(content: Any, model: type[AnySection], *, key: str) -> AnySection:
    """As `validated`, for the part of a larger model that `key` holds: the problem is one ValueError."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ValueError(_sentence(error.errors()[0], model, above=(key,))) from None


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The sentence about a key that does not exist, with the nearest one that does."""
    known = list(known)
    near = difflib.get_close_matches(key.split(".")[-1], known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    return f"unknown key {key!r}; {hint}"


def _sentence(problem: ErrorDetails, model: type[BaseModel], above: tuple[str, ...] = ()) -> str:
    """One pydantic problem as a sentence with key, value and rule; `above` are the keys that lead to the model."""
    key = ".".join(str(part) for part in (*above, *problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return unknown_key(key, _known_keys(model, problem["loc"][:-1]))
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"{key} is missing; add it"
    rule = problem["msg"][0].lower() + problem["msg"][1:]
    rule = rule.replace("input should be", "must be", 1)
    return f"{key} is {problem['input']!r}, but {rule}{_nearest_choice(problem)}"


def _nearest_choice(problem: ErrorDetails) -> str:
    """For a misspelt choice, the nearest one."""
    if problem["type"] != "literal_error" or not isinstance(problem["input"], str):
        return ""
    choices = problem.get("ctx", {}).get("expected", "").replace("'", "").replace(" or ", ", ").split(", ")
    near = difflib.get_close_matches(problem["input"], choices, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are allowed at a location of the file."""
    for part in location:
        field = model.model_fields.get(str(part))
        candidates = [] if field is None else [field.annotation, *get_args(field.annotation)]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if nested:
            model = nested[0]
    return list(model.model_fields)
