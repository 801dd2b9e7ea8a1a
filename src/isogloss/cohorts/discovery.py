"""Discovery: fit a rule on the rows of discovery, apply it to every split, rank the cohorts by WER.

Weights. A rule is fitted with the reference words of a row as its weight, *without* the population weight: discovery is
stratified so that rare dialects have enough speakers to be found, and weighting them back to their share of the
population would make their regions worth nothing to a split. The minimum number of speakers of a region is counted in
effective speakers by the population weight, which is the precision of its WER. The WER by which cohorts are ranked, and
that is shown, uses the population weight, sum(weight * errors) / sum(weight * words), like every figure.

Rows without reference words have no error rate and take no part in fitting; their insertions count in the WER.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.cohorts.moments import colour_classes, speaker_moments
from isogloss.cohorts.registry import build_rule, refuse_rule, require_rule_inputs
from isogloss.cohorts.rule import CohortRule, counted_by, other_columns
from isogloss.config import Params, StatisticsParams
from isogloss.errors import TableError
from isogloss.judging.rates import estimate
from isogloss.judging.statistics import effective_speakers
from isogloss.judging.statistics import estimands as of
from isogloss.tables import (
    ASSIGNMENT_COLUMNS,
    SPLITS,
    atomic_folder,
    conform,
    require_columns,
    write_json,
    write_parquet,
)

RESULTS = ("utterance_id", "speaker_id", "split", "weight", "words", "substitutions", "deletions", "insertions")


@dataclass(frozen=True)
class Discovery:
    """A fitted rule, the cohort of every utterance, and the figures of the cohorts on discovery."""

    rule: CohortRule
    assignments: pd.DataFrame
    summary: dict[str, Any]


def discover(
    rule_name: str,
    params: Params,
    inputs: pd.DataFrame,
    base_results: pd.DataFrame,
    *,
    where: str = "results/asr/base/utterances.parquet",
) -> Discovery:
    """Fit a rule on the discovery rows of `base_results` and apply it to all rows of `inputs`.

    Parameters
    ----------
    inputs
        utterance_id, speaker_id, split and the rule's X columns, for every split.
    base_results
        The utterance table with the base system's errors; it must contain all of discovery.
    where
        The file of `base_results`, for messages.

    Raises
    ------
    TableError
        A column is missing, an utterance of discovery has no result or no inputs, coordinates are out of range, or the
        corpus lacks an input of the rule (the message names the rules that it allows).
    """
    require_columns(base_results, RESULTS, where=where)
    require_columns(inputs, ("utterance_id", "speaker_id", "split"), where=f"the inputs of {rule_name}")
    rows = _discovery_rows(inputs, base_results, where=where)
    require_rule_inputs(rule_name, rows, params, where=where)
    if not other_columns(list(inputs.columns)):
        lack = "its inputs hold identifiers alone (figures of ZIPs come from the corpus' table of them)"
        refuse_rule(rule_name, lack, rows, params, where=where)
    rule = build_rule(rule_name, params)
    columns = rule.input_columns(list(inputs.columns))
    require_columns(inputs, columns, where=f"the inputs of {rule_name}")
    if {"latitude", "longitude"} <= set(columns):
        _check_positions(inputs, where=f"the inputs of {rule_name}")
    errors = (rows["substitutions"] + rows["deletions"] + rows["insertions"]).to_numpy(np.float64)
    words = rows["words"].to_numpy(np.float64)
    rate = np.divide(errors, words, out=np.zeros(len(rows)), where=words > 0)
    try:
        speakers, counted = rows["speaker_id"].to_numpy(object), counted_by(rule, rows["weight"])
        rule.fit(rows[columns], rate, sample_weight=words, groups=speakers, **counted)
    except ValueError as error:
        raise TableError(f"the cohort rule {rule_name!r} cannot be fitted to its inputs: {error}") from None
    predicted = rule.predict(inputs[columns], groups=inputs["speaker_id"].to_numpy(object))
    cohorts = pd.Series(predicted, index=inputs["utterance_id"], dtype="str")
    figures = _figures(rows, errors, cohorts.loc[rows["utterance_id"]].to_numpy(object), params)
    unseen = sorted(set(cohorts) - set(figures))
    ranks = {cohort: rank for rank, cohort in enumerate([*figures, *unseen], start=1)}
    assignments = inputs[["utterance_id", "speaker_id"]].assign(cohort=cohorts.to_numpy(object))
    assignments["wer_rank"] = assignments["cohort"].map(ranks)
    assignments = conform(assignments, ASSIGNMENT_COLUMNS, where=f"assignments of {rule_name}")
    return Discovery(rule, assignments, _summary(rule, ranks, figures, _speakers_by_split(cohorts, inputs)))


def write_discovery(discovery: Discovery, folder: Path | str) -> None:
    """Write rule.json, assignments.parquet and summary.json, all or none of them; equal results give equal bytes."""
    with atomic_folder(folder) as temporary:
        write_json(discovery.rule.to_json(), temporary / "rule.json")
        write_parquet(discovery.assignments, temporary / "assignments.parquet")
        write_json(discovery.summary, temporary / "summary.json")


def _discovery_rows(inputs: pd.DataFrame, base_results: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """The rows of discovery with their results and inputs; raises if the two tables differ in their utterances."""
    results = base_results[base_results["split"] == "discovery"].reset_index(drop=True)
    if results.empty:
        raise TableError(f"{where}: no row has split 'discovery', on which cohorts are found; run transcribe anew")
    for name, table in ((where, results), ("the cohort inputs", inputs)):
        twice = table["utterance_id"][table["utterance_id"].duplicated()]
        if len(twice):
            raise TableError(f"{name}: utterance {twice.iloc[0]!r} occurs twice; ids must be unique")
    wanted = inputs[inputs["split"] == "discovery"]
    for left, right, lack in (
        (wanted, results, f"of discovery have no row in {where}"),
        (results, wanted, f"of {where} are not among the discovery rows of the cohort inputs"),
    ):
        # An index finds a million strings in half a second, `isin` in seven.
        missing = left["utterance_id"][pd.Index(right["utterance_id"]).get_indexer(left["utterance_id"]) < 0]
        if len(missing):
            raise TableError(
                f"{len(missing)} utterances {lack}, for instance {', '.join(map(repr, missing[:3]))}; "
                "run prepare and transcribe anew"
            )
    fresh = [column for column in inputs.columns if column not in RESULTS]
    rows = results.drop(columns=fresh, errors="ignore").merge(
        wanted[["utterance_id", *fresh]], on="utterance_id", how="left", validate="one_to_one"
    )
    if not (rows["words"] > 0).any():
        raise TableError(f"{where}: the references of discovery hold no word, so there is no WER to tell cohorts by")
    return rows


def _check_positions(table: pd.DataFrame, *, where: str) -> None:
    """Raise if a coordinate is out of range; the message says so if the columns seem to be swapped."""
    for column, limit in (("latitude", 90.0), ("longitude", 180.0)):
        outside = table[table[column].abs() > limit]
        if len(outside):
            row = outside.iloc[0]
            swapped = column == "latitude" and table["longitude"].abs().max() <= limit
            hint = "latitude and longitude seem to be swapped" if swapped else "correct it or leave it empty"
            raise TableError(
                f"{where}: {column} of utterance {row['utterance_id']!r} is {row[column]:g}, "
                f"beyond ±{limit:g} degrees; {hint}"
            )


def _figures(
    rows: pd.DataFrame, errors_N: NDArray[np.float64], cohorts: NDArray[np.object_], params: Params
) -> dict[str, dict[str, Any]]:
    """The figures of each cohort on discovery for the summary, worst first."""
    code_N, names = pd.factorize(cohorts, sort=True)
    weight_N, words_N = rows["weight"].to_numpy(np.float64), rows["words"].to_numpy(np.float64)
    totals = pd.DataFrame({"cohort": code_N, "speaker": rows["speaker_id"].array, "errors": weight_N * errors_N})
    totals["words"], totals["weight"] = weight_N * words_N, weight_N
    grouped = totals.groupby(["cohort", "speaker"], sort=True)
    by_speaker = grouped.agg({"errors": "sum", "words": "sum", "weight": "mean"}).reset_index()
    code_S, errors_S, words_S, weight_S = (
        by_speaker[name].to_numpy() for name in ("cohort", "errors", "words", "weight")
    )
    moments = speaker_moments(words_S, errors_S, code_S, None, len(names))
    utterances, words = np.bincount(code_N), np.bincount(code_N, words_N)
    colours, wer = colour_classes(moments), moments.wer
    figures = {}
    # Cohorts without words have no WER and come last; ties go by name, so that the order of rows decides nothing.
    for index in np.argsort(np.where(np.isnan(wer), np.inf, -wer), kind="stable"):
        mine_S = code_S == index
        figures[str(names[index])] = {
            "discovery": {
                "speakers": int(mine_S.sum()),
                "utterances": int(utterances[index]),
                "words": int(words[index]),
                "wer": None if np.isnan(wer[index]) else float(wer[index]),
                "effective_speakers": effective_speakers(weight_S[mine_S]),
                "ci95": _interval(errors_S[mine_S], words_S[mine_S], weight_S[mine_S], params.statistics),
            },
            "colour_class": colours[index],
        }
    return figures


def _interval(
    errors_S: NDArray[np.float64],
    words_S: NDArray[np.float64],
    weight_S: NDArray[np.float64],
    statistics: StatisticsParams,
) -> list[float] | None:
    """The interval of a WER over speakers; None where these are too few, or too few decide, for inference."""
    if effective_speakers(weight_S[words_S > 0]) < statistics.min_speakers:
        return None
    return estimate([np.stack([errors_S, words_S], axis=1)], [of.rate()], statistics)[0].interval


def _summary(
    rule: CohortRule, ranks: dict[str, int], figures: dict[str, dict[str, Any]], splits: dict[str, dict[str, int]]
) -> dict[str, Any]:
    """The content of summary.json: cohorts by rank; those without a row on discovery come last and have no figures."""
    unseen = {
        "discovery": {"speakers": 0, "utterances": 0, "words": 0, "wer": None, "effective_speakers": 0.0, "ci95": None},
        "colour_class": None,
    }
    cohorts = [
        {
            "cohort": cohort,
            "label": rule.label(cohort),
            "wer_rank": rank,
            "geometry": _geometry(rule, cohort),
            "speakers_by_split": splits[cohort],
            **figures.get(cohort, unseen),
        }
        for cohort, rank in ranks.items()
    ]
    return {"rule": rule.rule_name, "cohorts": cohorts, "worst": list(figures)}


def _speakers_by_split(cohorts: pd.Series, inputs: pd.DataFrame) -> dict[str, dict[str, int]]:
    """The number of speakers of each cohort in each split."""
    table = pd.DataFrame(
        {"cohort": cohorts.array, "split": inputs["split"].array, "speaker_id": inputs["speaker_id"].array}
    )
    counts = table.groupby(["cohort", "split"])["speaker_id"].nunique().unstack(fill_value=0)
    present = [split for split in SPLITS if split in counts.columns]
    return {
        str(cohort): {str(split): int(count) for split, count in by_split.items()}
        for cohort, by_split in counts[present].to_dict(orient="index").items()
    }


def _geometry(rule: CohortRule, cohort: str) -> dict[str, list[list[float]]] | None:
    """The part of the map that a cohort holds: {"rectangles": [[south, west, north, east], ...]}, or None."""
    rectangles = rule.geometry(cohort)
    return None if rectangles is None else {"rectangles": [list(rectangle) for rectangle in rectangles]}
