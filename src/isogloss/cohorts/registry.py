"""The cohort rules by name: built from params, read from files, refused if a corpus lacks their inputs."""

from pathlib import Path
from typing import NoReturn

import pandas as pd

from isogloss.cohorts.rule import CohortRule
from isogloss.config.components import RuleComponent
from isogloss.config.params import Params
from isogloss.config.registry import implementation, names
from isogloss.errors import TableError
from isogloss.tables import read_json


def build_rule(name: str, params: Params) -> CohortRule:
    """An unfitted rule with the options of its section of params.yaml, which has the rule's name.

    Raises
    ------
    ParamsError
        There is no such rule.
    """
    rule: CohortRule = implementation(RuleComponent, name)(**params.section(name).model_dump())
    return rule


def load_rule(path: Path | str) -> CohortRule:
    """The rule that a `rule.json` describes.

    Raises
    ------
    TableError
        The file does not exist, or describes no known rule.
    """
    content = read_json(path)
    name = content.get("rule") if isinstance(content, dict) else None
    known = names(RuleComponent)
    if not isinstance(name, str) or name not in known:
        raise TableError(f'{path} describes no cohort rule: its "rule" is {name!r}, known are {", ".join(known)}')
    try:
        rule: CohortRule = implementation(RuleComponent, name).from_json(content)
    except (TableError, TypeError, KeyError, ValueError) as error:
        raise TableError(f"{path} is not a rule that `discover` wrote: {error}") from None
    return rule


def allowed_rules(utterances: pd.DataFrame, params: Params) -> list[str]:
    """The rules, with their options in params.yaml, whose inputs an utterance table has."""
    return [name for name in names(RuleComponent) if not build_rule(name, params).lacks(utterances)]


def require_rule_inputs(name: str, utterances: pd.DataFrame, params: Params, *, where: str) -> None:
    """Raise a `TableError` if a corpus lacks what a rule needs, in one sentence that says which rules it allows.

    Parameters
    ----------
    utterances
        Rows of the utterance table with all its columns.
    where
        The table's file, for the message.
    """
    lack = build_rule(name, params).lacks(utterances)
    if lack:
        refuse_rule(name, lack, utterances, params, where=where)


def refuse_rule(name: str, lack: str, utterances: pd.DataFrame, params: Params, *, where: str) -> NoReturn:
    """Raise the `TableError` that says what a rule lacks, and which other rules the corpus allows."""
    allowed = [rule for rule in allowed_rules(utterances, params) if rule != name]
    remedy = f"this corpus allows {', '.join(allowed)}" if allowed else "this corpus allows no rule as they are set"
    raise TableError(f"{where}: the cohort rule {name!r} cannot be used: {lack}; {remedy} (set cohorts.rules)")
