"""The `evaluate_speaker` stage: comparison of a mitigated verifier with the base one on the speakers of test."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from isogloss.config import Params, seeds
from isogloss.inference.embed import embed_utterances
from isogloss.judging import Document
from isogloss.judging.verification.lists import write_lists
from isogloss.judging.verification.recordings import lists_by_recording, rates_by_recording
from isogloss.judging.verification.study import (
    cohort_labels,
    compare_groupings,
    groupings_of,
    scored_trials,
    trials_of_splits,
)
from isogloss.judging.verification.trials import write_list
from isogloss.speakers import load_speaker_encoder
from isogloss.tables import (
    ASSIGNMENT_COLUMNS,
    METADATA_COLUMNS,
    atomic_folder,
    read_parquet,
    write_json,
    write_parquet,
)

SPLITS = ("discovery", "test")
"""Cohorts are ranked on discovery and judged on test."""


def evaluate_verifier(method: str, params: Params, root: Path = Path()) -> Document:
    """Score the trials with both verifiers and compare them under every cohort rule and attribute.

    Parameters
    ----------
    method
        One of `verification.methods`; its encoder is `models/speaker/<method>` below `root`.
    params
        Sections `verification`, `cohorts`, `statistics` and `privacy`, and the seeds that led to the model.
    root
        The repository. `results/speaker/<method>` is written there: trials.parquet, the lists of trials,
        recordings.json (equal error rates within and across recordings) and fairness.json.

    Returns
    -------
    The document that fairness.json holds.

    Raises
    ------
    TableError
        An attribute is missing, or the trials cannot be scored.
    """
    options, data = params.verification, root / "data"
    utterances = read_parquet(data / "utterances.parquet", METADATA_COLUMNS)
    rules = {
        str(rule): read_parquet(root / "cohorts" / rule / "assignments.parquet", ASSIGNMENT_COLUMNS)
        for rule in params.cohorts.rules
    }
    labels = cohort_labels(root / "cohorts", rules, options.attributes)
    trials = _trials(method, params, root, utterances, rules)
    test = utterances[utterances["split"] == "test"]
    weights = utterances.groupby("speaker_id")["weight"].first()
    document = compare_groupings(
        trials["test"],
        trials["discovery"],
        labels,
        system=method,
        statistics=params.statistics,
        min_speakers=params.privacy.min_speakers,
        weights=weights,
        seeds=seeds(params),
    )
    parts = lists_by_recording(trials["test"], test, hard=options.attribute if options.attribute in labels else None)
    rates = rates_by_recording(parts, weights)
    with atomic_folder(root / "results/speaker" / method) as folder:
        write_parquet(trials["test"], folder / "trials.parquet")
        write_lists(trials["test"], labels, folder)
        for name, part in parts.items():
            if name != "all":
                write_list(part, folder / f"trials.{name}.txt")
        write_json(rates, folder / "recordings.json")
        write_json(document.content(), folder / "fairness.json")
    return document


def _trials(
    method: str, params: Params, root: Path, utterances: pd.DataFrame, rules: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """The trials of each split with both verifiers' scores and the groups of their speakers."""
    options, data = params.verification, root / "data"
    listed = trials_of_splits({split: utterances[utterances["split"] == split] for split in SPLITS}, options)
    embedded = [*SPLITS, *(["train"] if options.s_norm else [])]
    wanted = utterances[utterances["split"].isin(embedded)]
    before = read_parquet(data / "embeddings" / "speaker.parquet", ["utterance_id", "vector"])
    model = load_speaker_encoder(root / "models/speaker" / method)
    after = embed_utterances(model, wanted, data=data, threads=options.threads)
    groupings = groupings_of(utterances, rules, options.attributes)
    return {split: scored_trials(trials, groupings, before, after, options) for split, trials in listed.items()}
