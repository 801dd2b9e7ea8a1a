"""Stage `evaluate@<method>`: decode dev and test with an adapted model; compare it with the base under every rule."""

import sys
from pathlib import Path

from isogloss.cohorts import worst_cohorts
from isogloss.cohorts.publication import shown_names
from isogloss.config import load_params, seeds
from isogloss.entry import entry
from isogloss.evaluation import compare, error_rate
from isogloss.evaluation.tuning import dev_figures
from isogloss.models import load_transducer
from isogloss.tables import (
    ASSIGNMENT_COLUMNS,
    METADATA_COLUMNS,
    atomic_folder,
    read_json,
    read_parquet,
    write_json,
    write_parquet,
)
from isogloss.training.transcription import transcribe


@entry
def main(method: str) -> None:
    """Evaluate `method` on test, and note what dev says of it."""
    params = load_params()
    utterances = read_parquet("data/utterances.parquet", METADATA_COLUMNS)
    base = read_parquet("results/asr/base/utterances.parquet")
    before = base[base["split"] == "test"].reset_index(drop=True)
    assignments = {
        rule: read_parquet(Path("cohorts") / rule / "assignments.parquet", ASSIGNMENT_COLUMNS)
        for rule in params.cohorts.rules
    }
    shown = shown_names(assignments, base, min_speakers=params.privacy.min_speakers)
    model = load_transducer(Path("models/asr") / method)
    membership = assignments[params.mitigation.rule]
    after = transcribe(
        model,
        utterances,
        ["dev", "test"],
        data=Path("data"),
        threads=params.mitigation.threads,
        decoding=params.decoding,
        cohorts=dict(zip(membership["utterance_id"], membership["cohort"], strict=True)),
    )
    worst = worst_cohorts(read_json(f"cohorts/{params.mitigation.rule}/summary.json"), params.mitigation.worst_share)
    on_test = after[after["split"] == "test"]
    print(f"{method}: WER {error_rate(before):.1%} -> {error_rate(on_test):.1%} on test")
    with atomic_folder(Path("results/asr") / method) as folder:
        write_parquet(after, folder / "utterances.parquet")
        write_json(dev_figures(base, after, membership, worst), folder / "dev.json")
        for rule in params.cohorts.rules:
            cohorts = read_json(Path("cohorts") / rule / "summary.json")
            fairness = compare(
                before,
                after,
                assignments[rule],
                system=method,
                rule=rule,
                statistics=params.statistics,
                min_speakers_shown=params.privacy.min_speakers,
                labels={c["cohort"]: c["label"] for c in cohorts["cohorts"]},
                mitigated=worst if rule == params.mitigation.rule else [],
                discovery=shown[rule].discovery_figures(cohorts),
                shown=shown[rule].test,
                seeds=seeds(params),
            )
            write_json(fairness, folder / rule / "fairness.json")


if __name__ == "__main__":
    main(sys.argv[1])
