"""A mitigated verifier beside the base one on held-out speakers: trials with both scores, and every grouping."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.config import StatisticsParams, VerificationParams
from isogloss.errors import TableError
from isogloss.judging.privacy import OTHER, merged_name
from isogloss.judging.verification.fairness import cohort_errors, compare_verifiers, pair_trials
from isogloss.judging.verification.hiding import shown_names
from isogloss.judging.verification.lists import SIDES, bring_trials, make_trials, with_groups
from isogloss.judging.verification.scoring import score_trials
from isogloss.judging.verification.trials import trials_of
from isogloss.tables import read_json

UNSPECIFIED = "unspecified"


def trials_of_splits(splits: Mapping[str, pd.DataFrame], options: VerificationParams) -> dict[str, pd.DataFrame]:
    """The trials of each split: made, but for test where `verification.trials` names a list.

    Parameters
    ----------
    splits
        By its name, the rows of the metadata table of each split.
    options
        Seed and size of the lists, or the file.

    Raises
    ------
    TableError
        As `make_trials` and `bring_trials`.
    """
    return {
        split: bring_trials(options.trials, rows, sha256=options.trials_sha256)
        if split == "test" and options.trials is not None
        else make_trials(rows, seed=options.seed, max_nontargets=options.max_nontargets)
        for split, rows in splits.items()
    }


def scored_trials(
    trials: pd.DataFrame,
    groupings: Mapping[str, pd.Series],
    before: pd.DataFrame,
    after: pd.DataFrame,
    options: VerificationParams,
) -> pd.DataFrame:
    """Trials scored by both verifiers, with the groups of their speakers.

    Parameters
    ----------
    trials
        `enrol_id, test_id, enrol_speaker, test_speaker, target`.
    groupings
        By its name, the group of each utterance id.
    before, after
        Embeddings of the utterances of the trials, and of train where scores are to be normalised.
    options
        Normalisation.

    Returns
    -------
    The trials with `score_before, score`, then `enrol_<grouping>` and `test_<grouping>`.
    """
    trials = trials.copy()
    for column, embeddings in (("score_before", before), ("score", after)):
        impostors = embeddings[embeddings["split"] == "train"] if options.s_norm else None
        trials[column] = score_trials(trials, embeddings, impostors=impostors, top=options.impostors)
    groups = pd.DataFrame({"utterance_id": pd.unique(pd.concat([trials["enrol_id"], trials["test_id"]]))})
    for name, cohorts in groupings.items():
        groups[name] = groups["utterance_id"].map(cohorts).fillna(UNSPECIFIED).astype(str)
    return with_groups(trials, groups)


def groupings_of(
    utterances: pd.DataFrame, rules: Mapping[str, pd.DataFrame], attributes: list[str]
) -> dict[str, pd.Series]:
    """The group of each utterance id: under each cohort rule (its assignments), and by each attribute.

    Raises
    ------
    TableError
        The metadata table lacks an attribute.
    """
    result = {name: assignments.set_index("utterance_id")["cohort"] for name, assignments in rules.items()}
    by_id = utterances.set_index("utterance_id")
    for column in attributes:
        if column not in by_id.columns:
            raise TableError(
                f"data/utterances.parquet has no column {column!r}, which verification.attributes lists; remove it"
            )
        result[column] = by_id[column]
    return result


def cohort_labels(cohorts: Path, rules: Iterable[str], attributes: Iterable[str]) -> dict[str, dict[str, str]]:
    """What to call the cohorts of each grouping: those of a rule as its summary.json says, groups by their own names.

    Parameters
    ----------
    cohorts
        The folder of the rules.
    rules, attributes
        The groupings, as for `groupings_of`.
    """
    labels: dict[str, dict[str, str]] = {}
    for rule in rules:
        summary = read_json(cohorts / rule / "summary.json")
        labels[rule] = {cohort["cohort"]: cohort["label"] for cohort in summary["cohorts"]}
    return labels | {name: {} for name in attributes}


def published_names(
    trials: pd.DataFrame, groupings: list[str], *, min_speakers: int, where: str
) -> dict[str, dict[str, str]]:
    """For each grouping the name under which each cohort may be shown, all groupings being published together.

    Where nothing of a grouping may be told apart, all its cohorts bear one name, whose figures are those of all trials.

    Parameters
    ----------
    trials
        `enrol_speaker, test_speaker, target`, and `enrol_<grouping>, test_<grouping>`.
    min_speakers, where
        As `shown_names`, whose errors are raised.
    """
    both = {name: [trials[f"{side}_{name}"].fillna(UNSPECIFIED).astype(str) for side in SIDES] for name in groupings}
    sides = {name: (enrol, test) for name, (enrol, test) in both.items()}
    shown = shown_names(trials, sides, min_speakers=min_speakers, where=where)
    for name, pair in sides.items():
        if name not in shown:
            cohorts = sorted(set(pd.concat(pair)))
            shown[name] = dict.fromkeys(cohorts, OTHER if len(cohorts) > 1 else cohorts[0])
    return shown


def compare_groupings(
    test: pd.DataFrame,
    discovery: pd.DataFrame,
    groupings: Mapping[str, Mapping[str, str]],
    *,
    system: str,
    statistics: StatisticsParams,
    min_speakers_shown: int,
    weights: pd.Series,
    seeds: Mapping[str, int],
) -> dict[str, dict[str, Any]]:
    """fairness.json by grouping.

    All groupings leave the machine together, so which cohorts may be shown is settled for all of them at once, on test
    and, for the figures by which cohorts are ranked, on discovery.

    Parameters
    ----------
    test, discovery
        Results of `scored_trials`; discovery ranks the cohorts by the base verifier's EER.
    groupings
        Readable names of the cohorts, by grouping.
    system, min_speakers_shown, seeds
        As `compare_verifiers`.
    statistics, weights
        As `pair_trials`; the weights are of the speakers of test.
    """
    early = trials_of(discovery.assign(score=discovery["score_before"]), where="the trials of discovery")
    paired = pair_trials(test, statistics=statistics, weights=weights)
    shown = published_names(test, list(groupings), min_speakers=min_speakers_shown, where="the trials of test")
    try:
        where = "the trials of discovery"
        of_discovery = published_names(discovery, list(groupings), min_speakers=min_speakers_shown, where=where)
    except TableError:  # they are of so few speakers that not even their total may be shown
        of_discovery = {name: {} for name in groupings}
    result = {}
    for name, labels in groupings.items():
        errors = cohort_errors(early, discovery[f"enrol_{name}"], discovery[f"test_{name}"])
        result[name] = compare_verifiers(
            paired,
            grouping=name,
            system=system,
            min_speakers_shown=min_speakers_shown,
            shown=shown[name],
            labels={cohort: label for cohort, label in labels.items() if cohort != merged_name(shown[name])},
            discovery={cohort: one.eer for cohort, one in errors.items()},
            discovery_shown=[cohort for cohort, shown_as in of_discovery[name].items() if cohort == shown_as],
            seeds=seeds,
        )
    return result
