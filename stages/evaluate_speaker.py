"""Stage `evaluate_speaker@<method>`: a mitigated verifier beside the base one on the speakers of test."""

import sys
from pathlib import Path

from isogloss.config import load_params, seeds
from isogloss.entry import entry
from isogloss.evaluation.verification.lists import write_lists
from isogloss.evaluation.verification.study import compare_groupings, groupings_of, scored_trials, trials_of_splits
from isogloss.models.speaker import load_speaker_encoder
from isogloss.tables import (
    ASSIGNMENT_COLUMNS,
    METADATA_COLUMNS,
    atomic_folder,
    read_json,
    read_parquet,
    write_json,
    write_parquet,
)
from isogloss.training.embedding import embed_utterances


@entry
def main(method: str) -> None:
    """Evaluate `method` under every cohort rule and attribute."""
    params = load_params()
    options, data = params.verification, Path("data")
    utterances = read_parquet(data / "utterances.parquet", METADATA_COLUMNS)
    rules = {
        str(rule): read_parquet(Path("cohorts") / rule / "assignments.parquet", ASSIGNMENT_COLUMNS)
        for rule in params.cohorts.rules
    }
    groupings = groupings_of(utterances, rules, options.attributes)
    splits = {split: utterances[utterances["split"] == split] for split in ("discovery", "test")}
    tried = trials_of_splits(splits, options)
    wanted = utterances[utterances["split"].isin(["discovery", "test", *(["train"] if options.s_norm else [])])]
    before = read_parquet(data / "embeddings.parquet", ["utterance_id", "vector"])
    model = load_speaker_encoder(Path("models/speaker") / method)
    after = embed_utterances(model, wanted, data=data, threads=options.threads)
    trials = {split: scored_trials(listed, groupings, before, after, options) for split, listed in tried.items()}
    labels: dict[str, dict[str, str]] = {name: {} for name in options.attributes}
    for rule in rules:
        summary = read_json(Path("cohorts") / rule / "summary.json")
        labels[rule] = {cohort["cohort"]: cohort["label"] for cohort in summary["cohorts"]}
    compared = compare_groupings(
        trials["test"],
        trials["discovery"],
        labels,
        system=method,
        statistics=params.statistics,
        min_speakers_shown=params.privacy.min_speakers,
        weights=splits["test"].groupby("speaker_id")["weight"].first(),
        seeds=seeds(params),
    )
    with atomic_folder(Path("results/speaker") / method) as folder:
        write_parquet(trials["test"], folder / "trials.parquet")
        write_lists(trials["test"], groupings, folder)
        for name, fairness in compared.items():
            write_json(fairness, folder / name / "fairness.json")
    overall = next(iter(compared.values()))["overall"]
    print(f"{method}: EER {overall['before']:.2%} -> {overall['after']:.2%} on test")


if __name__ == "__main__":
    main(sys.argv[1])
