"""The data gate: what must hold of the utterance table before anything is trained on it, checked by Great Expectations.

Expectations speak of three tables that are derived from the one: its rows (`utterances`), one row a speaker
(`speakers`), one row a split (`splits`). Results are counts: identifiers, ZIPs and transcripts enter neither the
summary nor the Data Docs. Which expectations there are is our choice.
"""

import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.config import ValidationParams
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import TableError
from isogloss.tables import METADATA_COLUMNS, SPLITS, atomic_folder, atomic_path, read_parquet, write_json

WEIGHT_TOLERANCE = 0.1
"""How far the mean weight of a split's speakers may be from 1: population shares are sampled, so it is not exact."""

GROUPS = {"train": "train", "adapt": "train"}
"""train and adapt may share speakers; no other two splits may."""

COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Rule:
    """One expectation: a sentence, the table it speaks of, its Great Expectations class and the arguments of that."""

    sentence: str
    table: str
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)


def rules(params: ValidationParams, alphabet: Iterable[str] | None) -> list[Rule]:
    """All expectations, in the order in which they are reported; without an alphabet, none about characters."""
    characters = "".join(re.escape(character) for character in sorted(set(alphabet or ())))
    return [
        Rule("the table has rows", "utterances", "ExpectTableRowCountToBeBetween", {"min_value": 1}),
        *(
            Rule(f"{column} is known", "utterances", "ExpectColumnValuesToNotBeNull", {"column": column})
            for column in ("utterance_id", "speaker_id", "split", "ref", "words", "duration_s", "weight")
        ),
        Rule("ids are unique", "utterances", "ExpectColumnValuesToBeUnique", {"column": "utterance_id"}),
        Rule(
            f"split is one of {', '.join(SPLITS)}",
            "utterances",
            "ExpectColumnValuesToBeInSet",
            {"column": "split", "value_set": list(SPLITS)},
        ),
        _between("no speaker is in two splits (train and adapt count as one)", "speakers", "groups", 1, 1),
        _between(
            f"every split has at least {params.min_speakers} speakers",
            "splits",
            "speakers",
            params.min_speakers,
        ),
        _between(
            f"duration is above 0 and at most {params.max_duration_s:g} s",
            "utterances",
            "duration_s",
            0,
            params.max_duration_s,
            strict_min=True,
        ),
        _between(
            f"speech has at most {params.max_words_per_s:g} words a second",
            "utterances",
            "words_per_s",
            0,
            params.max_words_per_s,
            strict_min=True,
        ),
        _equal("words counts the words of ref", "words", "words_in_ref"),
        _equal("ref is in lower case", "ref", "ref_in_lower_case"),
        _matching("ref is words with single spaces between them", r"\S+(?: \S+)*"),
        *(
            [_matching("ref is made of the characters of the token alphabet", f"[{characters}]+")]
            if alphabet is not None
            else []
        ),
        _between("latitude is from -90 to 90 degrees", "utterances", "latitude", -90, 90),
        _between("longitude is from -180 to 180 degrees", "utterances", "longitude", -180, 180),
        Rule(
            "latitude and longitude are known together",
            "utterances",
            "ExpectColumnValuesToBeInSet",
            {"column": "coordinates", "value_set": [0, 2]},
        ),
        _between("weight is positive", "utterances", "weight", 0, 1e9, strict_min=True),
        _between(
            f"the speakers of a split have a mean weight within {WEIGHT_TOLERANCE:g} of 1",
            "splits",
            "mean_weight",
            1 - WEIGHT_TOLERANCE,
            1 + WEIGHT_TOLERANCE,
        ),
    ]


def derived_tables(utterances: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The three tables that the rules speak of, by name, without columns that no rule needs."""
    ref = utterances["ref"].fillna("")
    rows = utterances[
        ["utterance_id", "speaker_id", "split", "weight", "ref", "words", "duration_s", "latitude", "longitude"]
    ].assign(
        words_in_ref=ref.map(lambda text: len(text.split())).astype("int64"),
        words_per_s=utterances["words"] / utterances["duration_s"],
        ref_in_lower_case=utterances["ref"].str.lower(),
        coordinates=utterances[["latitude", "longitude"]].notna().sum(axis=1),
    )
    groups = utterances["split"].replace(GROUPS).groupby(utterances["speaker_id"]).nunique()
    weights = utterances.groupby(["split", "speaker_id"])["weight"].mean().groupby("split")
    splits = pd.DataFrame({"speakers": weights.size(), "mean_weight": weights.mean()}).reindex(list(SPLITS))
    return {
        "utterances": rows,
        "speakers": groups.rename("groups").reset_index(),
        "splits": splits.fillna({"speakers": 0}).rename_axis("split").reset_index(),
    }


def validate_utterances(
    utterances: pd.DataFrame, params: ValidationParams, *, alphabet: Iterable[str] | None, docs: Path | None = None
) -> dict[str, Any]:
    """Check the utterance table.

    Parameters
    ----------
    utterances
        All splits, with `METADATA_COLUMNS`.
    params
        The thresholds.
    alphabet
        The characters that tokens are made of; None for a recogniser that brings a vocabulary of its own.
    docs
        Folder for Great Expectations' Data Docs (they carry times), none by default.

    Returns
    -------
    `{"success", "utterances", "speakers", "expectations": [{"expectation", "table", "type", "success", "checked",
    "unexpected"}]}`, the same for the same table; `checked` and `unexpected` count rows of `table`, and are None for
    an expectation about the table as a whole.
    """
    tables = derived_tables(utterances)
    listed = rules(params, alphabet)
    # Read when Great Expectations is imported: it reports to nobody.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = _run(tables, listed, docs)
    entries = [_entry(rule, outcomes[rule.sentence]) for rule in listed]
    return {
        "success": all(entry["success"] for entry in entries),
        "utterances": len(utterances),
        "speakers": len(tables["speakers"]),
        "expectations": entries,
    }


def validate(params: ValidationParams, *, data: Path, output: Path, brings_vocabulary: bool = False) -> dict[str, Any]:
    """The `validate` stage: check `utterances.parquet` and `tokens.txt` of `data`.

    `tokens.txt` has the characters of train and adapt; a recogniser that `brings_vocabulary` does not read it.

    Where all holds, the summary is written to `output` and the mark that training depends on to `data/validated.txt`.
    Otherwise neither appears, and the summary goes to `<output without suffix>/failed.json`. Data Docs are beside it.

    Raises
    ------
    TableError
        An expectation fails; the sentence names the first, and says how many fail.
    """
    path = data / "utterances.parquet"
    utterances = read_parquet(path, METADATA_COLUMNS)
    mark, folder = data / "validated.txt", output.with_suffix("")
    for stale in (mark, output):
        stale.unlink(missing_ok=True)
    alphabet = None if brings_vocabulary else Tokens.read(data / "tokens.txt").alphabet
    with atomic_folder(folder) as temporary:
        summary = validate_utterances(utterances, params, alphabet=alphabet, docs=temporary)
        if not summary["success"]:
            write_json(summary, temporary / "failed.json")
    failed = [entry for entry in summary["expectations"] if not entry["success"]]
    if failed:
        first = failed[0]
        counted = first["unexpected"] is not None
        extent = f" ({first['unexpected']} of {first['checked']} {first['table']})" if counted else ""
        raise TableError(
            f"{path}: {len(failed)} of {len(summary['expectations'])} expectations fail, the first: "
            f"{first['expectation']}{extent}; see {folder / 'failed.json'}, correct the corpus or the thresholds"
        )
    write_json(summary, output)
    with atomic_path(mark) as temporary:
        temporary.write_text(f"{len(summary['expectations'])} expectations hold\n", encoding="utf-8")
    return summary


def _run(tables: dict[str, pd.DataFrame], listed: list[Rule], docs: Path | None) -> dict[str, Any]:
    """Great Expectations' result of each rule, by its sentence."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("data")
    actions = [] if docs is None else [_data_docs(context, docs)]
    outcomes: dict[str, Any] = {}
    for name, table in tables.items():
        expectations = [
            getattr(gxe, rule.kind)(**rule.arguments, meta={"sentence": rule.sentence})
            for rule in listed
            if rule.table == name
        ]
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
        batches = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        definition = gx.ValidationDefinition(name=name, data=batches, suite=suite)
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[context.validation_definitions.add(definition)],
            actions=actions,
            result_format=COUNTS_ONLY,
        )
        (result,) = context.checkpoints.add(checkpoint).run({"dataframe": table}).run_results.values()
        outcomes |= {_sentence(r): r for r in result.results}
    return outcomes


def _data_docs(context: Any, folder: Path) -> Any:
    """The action that writes Data Docs into a folder."""
    from great_expectations.checkpoint.actions import UpdateDataDocsAction

    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())}
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": store,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    context.add_data_docs_site(site_name="validation", site_config=site)
    return UpdateDataDocsAction(name="data_docs", site_names=["validation"])


def _sentence(outcome: Any) -> str:
    """The sentence of the rule that an outcome belongs to."""
    return str(outcome.expectation_config.meta["sentence"])


def _entry(rule: Rule, outcome: Any) -> dict[str, Any]:
    """One line of the summary."""
    unexpected = outcome.result.get("unexpected_count")
    return {
        "expectation": rule.sentence,
        "table": rule.table,
        "type": outcome.expectation_config.type,
        "success": bool(outcome.success),
        "checked": None if unexpected is None else int(outcome.result["element_count"]),
        "unexpected": None if unexpected is None else int(unexpected),
    }


def _between(
    sentence: str, table: str, column: str, low: float, high: float | None = None, *, strict_min: bool = False
) -> Rule:
    """A number from `low` (or above it) to `high`."""
    arguments = {"column": column, "min_value": low, "max_value": high, "strict_min": strict_min}
    return Rule(sentence, table, "ExpectColumnValuesToBeBetween", arguments)


def _equal(sentence: str, column: str, other: str) -> Rule:
    """Two columns of the utterances that agree."""
    return Rule(sentence, "utterances", "ExpectColumnPairValuesToBeEqual", {"column_A": column, "column_B": other})


def _matching(sentence: str, pattern: str) -> Rule:
    r"""References that a regular expression matches from end to end (`$` would let a last line end pass)."""
    arguments = {"column": "ref", "regex": rf"\A{pattern}\Z"}
    return Rule(sentence, "utterances", "ExpectColumnValuesToMatchRegex", arguments)
