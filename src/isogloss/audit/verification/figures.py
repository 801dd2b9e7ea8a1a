"""Everything that an audit of verification says, as one document: the content of fairness.json.

Each grouping has the keys of the pipeline's comparisons (`isogloss.judging.verification.fairness`). With a single
verifier what needs a second one is None, and there is no threshold of it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.audit.bounds import split_intervals
from isogloss.audit.figures import KIND
from isogloss.audit.verification.reading import read_trials
from isogloss.config import StatisticsParams
from isogloss.errors import ParamsError
from isogloss.judging.privacy import merged_name
from isogloss.judging.verification.fairness import PairedTrials, compare_verifiers, pair_trials
from isogloss.judging.verification.figures import RATES
from isogloss.judging.verification.figures import SIDES as VERIFIERS
from isogloss.judging.verification.hiding import shown_names
from isogloss.judging.verification.lists import SIDES

AFTER = ("after", "after_ci95", "relative_change", "change", "ci95", "p", "p_holm")
"""Keys that say nothing where there is one verifier."""
COUNTS = ("speakers", "targets", "nontargets")
NUMBERS = ("before", "before_ci95", "after", "after_ci95", "relative_change", "ci95", "p", "p_holm")
NOT_MEASURABLE_LAST = -1.0


def audit_trials(
    trials: Path,
    speakers: Path,
    *,
    by: Sequence[str],
    statistics: StatisticsParams,
    min_speakers: int,
    names: tuple[str, str] = ("before", "after"),
) -> dict[str, Any]:
    """Errors of verification overall and by the columns `by` of the speakers' table.

    Parameters
    ----------
    trials, speakers
        The two tables (`reading`).
    by
        Columns of the speakers' table; without any, figures are of all trials alone.
    statistics
        Confidence, draws, seed; a group of fewer than its `min_speakers` has no intervals.
    min_speakers
        No figure is about fewer speakers.
    names
        What to call the verifier, and the second one if there is one.

    Returns
    -------
    The document: valid JSON, with rates as fractions. `withheld` are the columns of which nothing may be shown.

    Raises
    ------
    TableError
        In one sentence: what does not fit in the tables, a score is not finite, there are no targets or no non-targets,
        or too few speakers for anything to be shown.
    ParamsError
        Two verifiers have the same name.
    """
    listed, cohorts = read_trials(trials, speakers, by=by)
    paired = "score_before" in listed.columns
    if paired and names[0] == names[1]:
        raise ParamsError(f"--name and --after-name are both {names[0]!r}; give the two verifiers different names")
    return verification_document(
        listed, cohorts, statistics=statistics, min_speakers=min_speakers, names=names, where=str(trials)
    )


def verification_document(
    listed: pd.DataFrame,
    cohorts: pd.DataFrame,
    *,
    statistics: StatisticsParams,
    min_speakers: int,
    names: tuple[str, str],
    where: str,
) -> dict[str, Any]:
    """The document of `audit_trials`, from tables that are known to be right.

    Parameters
    ----------
    listed
        `enrol_speaker, test_speaker, target, score`, and `score_before` where there are two verifiers.
    cohorts
        A row a speaker of the trials, a column a grouping.
    statistics, min_speakers, names
        As `audit_trials`.
    where
        What an error calls the trials.

    Raises
    ------
    TableError
        A score is not finite, there are no targets or no non-targets, or too few speakers for anything to be shown.
    """
    paired = "score_before" in listed.columns
    baseline, system = names if paired else (names[0], names[0])
    shown = shown_names(listed, _sides(listed, cohorts), min_speakers=min_speakers, where=where)
    listed = listed if paired else listed.assign(score_before=listed["score"])
    both = pair_trials(_with_cohorts(listed, cohorts[list(shown)]), statistics=statistics)
    errors = both.everybody.errors[0]
    document = {
        "kind": KIND,
        "task": "verification",
        "metric": "EER",
        "paired": paired,
        "system": system,
        "baseline": baseline,
        "unit": "speaker",
        "speakers": len(both.everybody.members),
        "targets": errors.targets,
        "nontargets": errors.nontargets,
        "confidence": statistics.confidence,
        "resamples": statistics.resamples,
        "seed": statistics.seed,
        "min_speakers": min_speakers,
        "min_speakers_for_inference": statistics.min_speakers,
        "overall": both.overall,
        "thresholds": both.thresholds,
        "groupings": [
            {**_grouping(both, number, names, min_speakers), "rule": rule, "system": system, "baseline": baseline}
            for number, (rule, names) in enumerate(shown.items())
        ],
        "withheld": [column for column in cohorts.columns if column not in shown],
    }
    return document if paired else _one_verifier(document, statistics)


def verification_table(document: Mapping[str, Any]) -> pd.DataFrame:
    """One row a grouping and cohort, intervals as two columns: the content of cohorts.parquet.

    `far_before`, `frr_before` (and `..._after`) are the rates at the one threshold of each verifier. Rates and changes
    are fractions, float64; what is not known, or needs a second verifier, is NaN.
    """
    rates = [f"{rate}_{side}{ci}" for side in VERIFIERS for rate in RATES for ci in ("", "_ci95")]
    rows = []
    for grouping in document["groupings"]:
        for cohort in grouping["cohorts"]:
            row = {"rule": grouping["rule"], **dict.fromkeys(rates), **cohort}
            for side, at in cohort["at_threshold"].items():
                row |= {f"{rate}_{side}{ci}": at[f"{rate}{ci}"] for rate in RATES for ci in ("", "_ci95")}
            rows.append(row)
    columns = ["rule", "cohort", "label", *COUNTS, "measurable", "inference", *NUMBERS, *rates]
    table = pd.DataFrame(rows, columns=columns)
    known = {name: "float64" for name in (*NUMBERS, *rates) if not name.endswith("ci95")}
    return split_intervals(table.astype(known | dict.fromkeys(COUNTS, "int64")))


def _sides(trials: pd.DataFrame, cohorts: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series]]:
    """The cohorts of both sides of each trial, by grouping."""
    enrol, test = (trials[f"{side}_speaker"] for side in SIDES)
    return {str(rule): (enrol.map(cohorts[rule]), test.map(cohorts[rule])) for rule in cohorts}


def _with_cohorts(trials: pd.DataFrame, cohorts: pd.DataFrame) -> pd.DataFrame:
    """The trials with both sides' cohorts: `enrol_0, test_0` of the first grouping, and so on."""
    columns: dict[str, pd.Series] = {}
    for number, (enrol, test) in enumerate(_sides(trials, cohorts).values()):
        columns |= {f"enrol_{number}": enrol, f"test_{number}": test}
    return trials.assign(**columns)


def _grouping(both: PairedTrials, number: int, names: Mapping[str, str], min_speakers: int) -> dict[str, Any]:
    """One grouping; the worst cohort comes first, what was merged last."""
    merged = merged_name(names)
    hidden = [name for name in names if names[name] == merged] if merged else []
    labels = {merged: f"{len(hidden)} cohorts, merged for privacy"} if merged else {}
    content = compare_verifiers(
        both, grouping=str(number), system="after", min_speakers_shown=min_speakers, shown=names, labels=labels
    )
    content["cohorts"].sort(
        key=lambda c: (c["cohort"] == merged, -(NOT_MEASURABLE_LAST if c["before"] is None else c["before"]))
    )
    return {**content, "suppressed": {"cohorts": len(hidden), "merged": merged}}


def _one_verifier(document: dict[str, Any], statistics: StatisticsParams) -> dict[str, Any]:
    """The document without what a comparison of a verifier with itself says of a second one."""
    document["thresholds"] = _before(document["thresholds"])
    _blank(document["overall"])
    for grouping in document["groupings"]:
        grouping["thresholds"] = _before(grouping["thresholds"])
        grouping["harmed_cohorts"] = []
        grouping["test"] = (
            f"Intervals: {100 * statistics.confidence:g} % symmetric studentised bootstrap over speakers "
            f"({statistics.resamples} draws, speakers drawn within their cohort; rates on the logarithm, FAR and FRR "
            "at the threshold, which is taken as given, on the logit). A cohort's trials are those whose two speakers "
            f"both belong to it. Cohorts of fewer than {statistics.min_speakers} speakers carry no inference."
        )
        _blank(grouping["overall"])
        _blank(grouping["spread"])
        for cohort in grouping["cohorts"]:
            _blank(cohort)
            cohort["at_threshold"] = _before(cohort["at_threshold"])
    return document


def _blank(figures: dict[str, Any]) -> None:
    """Set all that is about a second verifier to None, at any depth."""
    for key, value in figures.items():
        if key in AFTER:
            figures[key] = None
        elif isinstance(value, dict):
            _blank(value)


def _before(sides: Mapping[str, Any]) -> dict[str, Any]:
    """The first verifier's side alone."""
    return {"before": sides["before"]}
