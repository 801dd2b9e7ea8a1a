"""The cohort rules by name: what they need, how the parameters build them, how a file brings them back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from isogloss.cohorts.attribute import AttributeCohorts
from isogloss.cohorts.geographic import GeographicTree
from isogloss.cohorts.rule import CohortRule
from isogloss.config import Params
from isogloss.errors import TableError
from isogloss.tables import read_json


@dataclass(frozen=True)
class RuleKind:
    """One kind of rule."""

    load: Callable[[dict], CohortRule]
    build: Callable[[Params], CohortRule]
    columns: Callable[[Params, Sequence[str]], list[str]]
    """Which columns are the rule's X, in order, given the params and the columns that there are."""
    all_needed: bool
    """Whether a row is of use only if it has all of them."""


RULES: dict[str, RuleKind] = {
    "geographic": RuleKind(
        load=GeographicTree.from_json,
        build=lambda params: GeographicTree(**params.geographic.model_dump()),
        columns=lambda _params, _present: ["latitude", "longitude"],
        all_needed=True,
    ),
    "attribute": RuleKind(
        load=AttributeCohorts.from_json,
        build=lambda params: AttributeCohorts(columns=list(params.attribute.columns)),
        columns=lambda params, _present: list(params.attribute.columns),
        all_needed=False,
    ),
}


def build_rule(name: str, params: Params) -> CohortRule:
    """An unfitted rule as params.yaml sets it."""
    return _kind(name).build(params)


def load_rule(path: Path | str) -> CohortRule:
    """The rule that a `rule.json` describes.

    Raises
    ------
    TableError
        The file does not exist, or describes no known rule.
    """
    content = read_json(path)
    name = content.get("rule") if isinstance(content, dict) else None
    if not isinstance(name, str) or name not in RULES:
        raise TableError(f'{path} describes no cohort rule: its "rule" is {name!r}, known are {", ".join(RULES)}')
    try:
        return RULES[name].load(content)
    except (TableError, TypeError, KeyError, ValueError) as error:
        raise TableError(f"{path} is not a rule that `discover` wrote: {error}") from None


def input_columns(name: str, params: Params, present: Sequence[str] = ()) -> list[str]:
    """The columns that are a rule's X, in order; `present` are those of its input table."""
    return _kind(name).columns(params, present)


def allowed_rules(table: pd.DataFrame, params: Params) -> list[str]:
    """The rules whose inputs a table has: the columns, and in some row a value."""
    return [name for name in RULES if not _what_lacks(name, table, params)]


def require_rule_inputs(name: str, table: pd.DataFrame, params: Params, *, where: str) -> None:
    """Raise a `TableError` if a table lacks the inputs of a rule, in one sentence that says which rules it allows.

    Parameters
    ----------
    table
        Rows of the utterance table with all its columns, so that the inputs of other rules can be seen.
    where
        The table's file, for the message.
    """
    lack = _what_lacks(name, table, params)
    if lack:
        allowed = allowed_rules(table, params)
        remedy = f"this corpus allows {', '.join(allowed)}" if allowed else "this corpus allows no rule as they are set"
        raise TableError(f"{where}: the cohort rule {name!r} cannot be used: {lack}; {remedy} (set cohorts.rules)")


def _what_lacks(name: str, table: pd.DataFrame, params: Params) -> str:
    """What a table lacks for a rule, in words; empty if nothing."""
    kind = _kind(name)
    columns = kind.columns(params, list(table.columns))
    missing = [column for column in columns if column not in table.columns]
    if missing:
        return f"there is no column {missing[0]!r}"
    known = table[columns].notna()
    if not (known.all(axis=1) if kind.all_needed else known.any(axis=1)).any():
        return f"no row has {' and '.join(columns)}" if kind.all_needed else f"no row has {' or '.join(columns)}"
    return ""


def _kind(name: str) -> RuleKind:
    """The kind of this name."""
    if name not in RULES:
        raise TableError(f"there is no cohort rule {name!r}; known are {', '.join(RULES)}")
    return RULES[name]
