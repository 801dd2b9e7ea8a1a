"""The data gate: Great Expectations checks a prepared corpus, and training stages depend on the outcome.

The expectations (`isogloss.corpus.expectations`) speak of tables that are derived from the prepared ones: rows
(`utterances`), how they sound (`sound`), one row a speaker, a split, a value of a cohort column. Results are counts,
and the numbers of some rows in `utterances.parquet`, so that who has the corpus finds them: identifiers, ZIPs,
transcripts and values of personal columns enter neither the summary nor the page.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.config import ValidationParams
from isogloss.corpus.expectations import Rule, rules
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import TableError
from isogloss.tables import METADATA_COLUMNS, SPLITS, atomic_folder, atomic_path, read_parquet, write_json

GROUPS = {"train": "train", "adapt": "train"}
"""Splits that may share speakers, train and adapt, have the same group; no other two splits may."""
PLACES = 10
"""Largest number of failing rows that are named for an expectation."""
RESULT_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": PLACES}
"""Makes Great Expectations return counts, values and rows, of which `_entry` takes the counts and the rows."""
SOUND_COLUMNS = ("utterance_id", "level_db", "peak", "dc_offset", "clipped_share", "non_finite")
Render = Callable[[dict[str, Any], Path], None]
"""A function that writes the page of a summary into a folder."""


def derived_tables(
    utterances: pd.DataFrame, sound: pd.DataFrame | None = None, columns: Sequence[str] = ()
) -> dict[str, pd.DataFrame]:
    """The tables of the expectations, by name, with the columns that the expectations need."""
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
        "sound": pd.DataFrame(columns=SOUND_COLUMNS) if sound is None else sound,
        "utterances": rows,
        "speakers": groups.rename("groups").reset_index(),
        "splits": splits.fillna({"speakers": 0}).rename_axis("split").reset_index(),
        "cohorts": effective_speakers(utterances, columns),
    }


def effective_speakers(utterances: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """`column, value, effective` of test: Kish's effective number of speakers of each value, (sum w)^2 / sum w^2."""
    test = utterances[utterances["split"] == "test"]
    counted = [
        {"column": column, "value": str(value), "effective": float(w.sum() ** 2 / (w**2).sum())}
        for column in columns
        if column in test
        for value, of in test.dropna(subset=[column]).groupby(column)
        for w in [of.groupby("speaker_id")["weight"].mean()]
    ]
    return pd.DataFrame(counted, columns=["column", "value", "effective"])


def validate_utterances(
    utterances: pd.DataFrame,
    params: ValidationParams,
    *,
    alphabet: Iterable[str] | None,
    sound: pd.DataFrame | None = None,
    columns: Sequence[str] = (),
) -> dict[str, Any]:
    """Check the prepared tables.

    Parameters
    ----------
    utterances
        All splits, with `METADATA_COLUMNS`.
    params
        The thresholds, and what stops or warns.
    alphabet
        The characters that tokens are made of; None for a recogniser that brings a vocabulary of its own.
    sound
        How each utterance sounds, with `SOUND_COLUMNS`.
    columns
        Those by whose values cohorts are made (`attribute.columns`).

    Returns
    -------
    `{"success", "utterances", "speakers", "expectations": [{"name", "suite", "severity", "expectation", "table",
    "type", "success", "checked", "unexpected", "places"}]}`, the same for the same tables; `success` is False where an
    expectation that stops fails; `checked` and `unexpected` count rows of `table`, and are None for an expectation
    about a whole table; `places` are the first rows of `utterances`, counted from 0, with what fails, or the splits or
    the columns where the expectation is about those.
    """
    tables = derived_tables(utterances, sound, columns)
    # A corpus for verification has no transcripts at all; single empty ones are mistakes.
    transcribed = bool(utterances["ref"].isna().any() or (utterances["ref"] != "").any() or utterances.empty)
    listed = rules(params, alphabet, transcribed=transcribed)
    # Great Expectations reads this when it is imported; it turns usage reports off.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = _run(tables, listed)
    entries = [_entry(rule, outcomes[rule.name], tables) for rule in listed]
    return {
        "success": all(entry["success"] for entry in entries if entry["severity"] == "stop"),
        "utterances": len(utterances),
        "speakers": len(tables["speakers"]),
        "expectations": entries,
    }


def validate(
    params: ValidationParams,
    *,
    data: Path,
    output: Path,
    columns: Sequence[str] = (),
    brings_vocabulary: bool = False,
    render: Render | None = None,
) -> dict[str, Any]:
    """The `validate` stage: check `utterances.parquet`, `sound.parquet` and `tokens.txt` of `data`.

    `tokens.txt` has the characters of train and adapt, to which references are held where tokens are characters: words
    and pieces have a token for what they cannot spell, and a recogniser that `brings_vocabulary` does not read it.

    Where nothing stops, the summary is written to `output` and the mark that training depends on to
    `data/validated.txt`. Otherwise neither appears, and the summary goes to `<output without suffix>/failed.json`. The
    page is rendered into that folder either way.

    Raises
    ------
    TableError
        An expectation that stops fails; the sentence names the first, and says how many fail.
    """
    path = data / "utterances.parquet"
    utterances = read_parquet(path, METADATA_COLUMNS)
    sound = read_parquet(data / "sound.parquet", SOUND_COLUMNS)
    mark, folder = data / "validated.txt", output.with_suffix("")
    for stale in (mark, output):
        stale.unlink(missing_ok=True)
    tokens = None if brings_vocabulary else Tokens.read(data / "tokens.txt")
    alphabet = tokens.alphabet if tokens is not None and tokens.unit == "characters" else None
    summary = validate_utterances(utterances, params, alphabet=alphabet, sound=sound, columns=columns)
    with atomic_folder(folder) as temporary:
        if render is not None:
            render(summary, temporary)
        if not summary["success"]:
            write_json(summary, temporary / "failed.json")
    failed = [e for e in summary["expectations"] if not e["success"] and e["severity"] == "stop"]
    if failed:
        first = failed[0]
        counted = first["unexpected"] is not None
        extent = f" ({first['unexpected']} of {first['checked']} rows)" if counted else ""
        raise TableError(
            f"{path}: {len(failed)} of {len(summary['expectations'])} expectations fail, the first: "
            f"{first['expectation']}{extent}; see {folder / ('index.html' if render else 'failed.json')}, correct "
            "the corpus or the thresholds"
        )
    write_json(summary, output)
    with atomic_path(mark) as temporary:
        temporary.write_text(f"{len(summary['expectations'])} expectations were checked\n", encoding="utf-8")
    return summary


def _run(tables: dict[str, pd.DataFrame], listed: list[Rule]) -> dict[str, Any]:
    """Great Expectations' result of each rule, by its name."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context: Any = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("data")
    outcomes: dict[str, Any] = {}
    for name, table in tables.items():
        expectations = [
            getattr(gxe, rule.kind)(
                **rule.arguments,
                meta={"name": rule.name},
                severity="critical" if rule.severity == "stop" else "warning",
            )
            for rule in listed
            if rule.table == name
        ]
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
        batches = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batches, suite=suite))
        result = definition.run(batch_parameters={"dataframe": table}, result_format=RESULT_FORMAT)
        outcomes |= {str(one.expectation_config.meta["name"]): one for one in result.results}
    return outcomes


def _entry(rule: Rule, outcome: Any, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """One line of the summary."""
    unexpected = outcome.result.get("unexpected_count")
    return {
        "name": rule.name,
        "suite": rule.suite,
        "severity": rule.severity,
        "expectation": rule.sentence,
        "table": rule.table,
        "type": outcome.expectation_config.type,
        "success": bool(outcome.success),
        "checked": None if unexpected is None else int(outcome.result["element_count"]),
        "unexpected": None if unexpected is None else int(unexpected),
        "places": _places(rule.table, outcome.result.get("partial_unexpected_index_list") or [], tables),
    }


def _places(name: str, rows: list[int], tables: dict[str, pd.DataFrame]) -> list[int] | list[str]:
    """The places of rows of a derived table: rows of `utterances`; names of splits, or of columns of cohorts."""
    found, utterances = tables[name].iloc[rows], tables["utterances"]
    if name in ("splits", "cohorts"):
        return list(dict.fromkeys(found["split" if name == "splits" else "column"]))
    if name == "utterances":
        return [int(row) for row in found.index]
    key = "utterance_id" if name == "sound" else "speaker_id"
    theirs = utterances[utterances[key].isin(found[key])]
    once = theirs.drop_duplicates(["speaker_id", "split"]) if name == "speakers" else theirs
    return [int(row) for row in once.index[:PLACES]]
