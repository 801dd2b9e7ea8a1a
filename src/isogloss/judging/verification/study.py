"""Comparison of a mitigated verifier with the base one on held-out speakers, under every grouping."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from isogloss.config import StatisticsParams, VerificationParams
from isogloss.errors import TableError
from isogloss.judging.comparing import compare
from isogloss.judging.document import Document
from isogloss.judging.grouping import UNSPECIFIED, Grouping
from isogloss.judging.stage_files import read_summary
from isogloss.judging.verification.lists import SIDES, bring_trials, make_trials, with_groups
from isogloss.judging.verification.scoring import score_trials


def trials_of_splits(splits: Mapping[str, pd.DataFrame], options: VerificationParams) -> dict[str, pd.DataFrame]:
    """The trials of each split: generated, or for test read from the list that `verification.trials` names.

    Parameters
    ----------
    splits
        Rows of the metadata table by the name of their split.
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
        The group of each utterance id, by the name of the grouping.
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
    """Readable names of the cohorts of each grouping: a rule's come from its summary.json, others are the values.

    If several cohorts share a label, they keep their own names, so that they can be told apart.

    Parameters
    ----------
    cohorts
        The folder of the rules.
    rules, attributes
        The groupings, as for `groupings_of`.
    """
    labels: dict[str, dict[str, str]] = {}
    for rule in rules:
        summary = read_summary(cohorts / rule / "summary.json")
        counts = Counter(cohort["label"] for cohort in summary["cohorts"])
        labels[rule] = {c["cohort"]: c["label"] for c in summary["cohorts"] if counts[c["label"]] == 1}
    return labels | {name: {} for name in attributes}


def sides_of(trials: pd.DataFrame, grouping: str) -> pd.DataFrame:
    """The cohorts of both sides of trials in one grouping: columns `enrol` and `test`."""
    return pd.DataFrame({side: trials[f"{side}_{grouping}"] for side in SIDES})


def compare_groupings(
    test: pd.DataFrame,
    discovery: pd.DataFrame,
    groupings: Mapping[str, Mapping[str, str]],
    *,
    system: str,
    statistics: StatisticsParams,
    min_speakers: int,
    weights: pd.Series | None,
    seeds: Mapping[str, int],
) -> Document:
    """Compare a verifier with the base one on test, under every grouping.

    Parameters
    ----------
    test, discovery
        Results of `scored_trials`; discovery ranks the cohorts by the base verifier's EER.
    groupings
        Readable names of the cohorts, by grouping.
    system, seeds
        Name and seeds for the document.
    statistics, min_speakers, weights
        As `judging.compare`; the weights are of the speakers of test and of discovery.
    """
    return compare(
        test.assign(score=test["score_before"]),
        test,
        [
            Grouping(name, sides_of(test, name), labels=labels, chosen=sides_of(discovery, name))
            for name, labels in groupings.items()
        ],
        discovery=discovery.assign(score=discovery["score_before"]),
        systems=("base", system),
        statistics=statistics,
        min_speakers=min_speakers,
        weights=weights,
        where="the trials of test",
        about={"seeds": dict(seeds)},
    )
