"""Reading YAML through pydantic: what does not fit is one sentence."""

import difflib
import re
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from isogloss.errors import ParamsError

_MOST_VALUES, _MOST_BITS, _MOST_LEVELS, _MOST_CHARACTERS = 100_000, 4096, 200, 1_000_000
_LONGEST_MESSAGE = 500
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 120
_REPR.maxlong = 60

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
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist; run from the repository's root") from None
    except OSError as error:
        raise ParamsError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path} is not valid YAML: {error}") from None
    return parse_yaml(text, where=str(path))


def parse_yaml(text: str, *, where: str) -> Any:
    """The plain data of a YAML text: nothing that refers to itself, and nothing too large to be looked at.

    Raises
    ------
    ParamsError
        It is not YAML, or a value in it is impossible; the message begins with `where`.
    """
    if len(text) > _MOST_CHARACTERS:  # the parser would take more than ten seconds
        raise ParamsError(f"{where} has {len(text)} characters; nothing here needs more than {_MOST_CHARACTERS}")
    deep = f"{where} is nested too deeply; nothing in it needs more than a few levels"
    if _depth(text) > _MOST_LEVELS:  # the parser would take seconds to find out
        raise ParamsError(deep)
    try:
        # YAML 1.2, as DVC reads it: there 1e-3 is a number, in PyYAML's 1.1 a string.
        content = YAML(typ="safe", pure=True).load(text)
    except RecursionError:
        raise ParamsError(deep) from None
    except YAMLError as error:
        raise ParamsError(f"{where} is not valid YAML: {cut(' '.join(str(error).split()))}") from None
    except Exception as error:
        # ruamel lets through whatever Python raises for an impossible date, number or key (2001-02-30, !!float abc).
        said = cut(" ".join(str(error).split()))
        raise ParamsError(f"{where} has a value that cannot be read: {said}") from None
    _refuse_endless(content, where)
    return content


def _depth(text: str) -> int:
    """How many brackets are open at once, at most (those in quotes and comments count too)."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[{\]}]", text):
        depth = max(0, depth + (1 if bracket in "[{" else -1))
        deepest = max(deepest, depth)
    return deepest


def shown(value: Any) -> str:
    """A value for a message: short however large it is, and without an end however it nests."""
    try:
        return _REPR.repr(value)
    except (ValueError, RecursionError):  # a number of more digits than Python prints
        return f"a {type(value).__name__} too large to be shown"


def cut(text: str) -> str:
    """A text of a message, cut where it is longer than a reader would read."""
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 3]}..."


def _refuse_endless(content: Any, where: str) -> None:
    """Raise where aliases make a few lines into more values than memory holds, or into themselves.

    Values are counted as often as they are reached. Text that cannot be written again (half a surrogate pair) and
    numbers that Python does not print are refused too: they would fail far from here.
    """
    to_visit, visited = [content], 0
    while to_visit:
        value = to_visit.pop()
        visited += 1
        if visited > _MOST_VALUES:
            raise ParamsError(f"{where} has more than {_MOST_VALUES} values; aliases that nest (&a, *a) multiply them")
        if isinstance(value, dict):
            to_visit += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set):
            to_visit += value
        elif isinstance(value, str) and not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
            raise ParamsError(f"{where}: {shown(value)} holds half of a character (a lone surrogate); write it whole")
        elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise ParamsError(f"{where} has a number of more than {_MOST_BITS} bits; no param is as large")


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
    return f"unknown key {shown(key)}; {hint}"


def _sentence(problem: ErrorDetails, model: type[BaseModel], above: tuple[str, ...] = ()) -> str:
    """One pydantic problem as a sentence with key, value and rule; `above` are the keys that lead to the model."""
    key = ".".join(str(part) for part in (*above, *problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return unknown_key(key, _known_keys(model, problem["loc"][:-1]))
    if problem["type"] == "value_error":
        return cut(problem["msg"].removeprefix("Value error, "))
    if problem["type"] == "missing":
        return f"{key} is missing; add it"
    rule = problem["msg"][0].lower() + problem["msg"][1:]
    rule = rule.replace("input should be", "must be", 1)
    return f"{cut(key)} is {shown(problem['input'])}, but {rule}{_nearest_choice(problem)}"


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
