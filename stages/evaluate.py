"""Stage `evaluate@<method>`: decode dev and test with an adapted model; compare it with the base under every rule."""

import sys
from pathlib import Path

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.inference.transcribe import transcribe
from isogloss.judging import error_rate
from isogloss.judging.system import judge_system, read_rules
from isogloss.judging.tuning import dev_figures_of
from isogloss.recognizers import load_recognizer
from isogloss.tables import METADATA_COLUMNS, atomic_folder, read_parquet, write_json, write_parquet


@entry
def main(method: str) -> None:
    """Evaluate `method` on test, and note what dev says of it."""
    params = load_params()
    base = read_parquet("results/asr/base/utterances.parquet")
    rules = read_rules(Path("cohorts"), params)
    membership = rules[params.mitigation.rule].assignments
    after = transcribe(
        load_recognizer(Path("models/asr") / method),
        read_parquet("data/utterances.parquet", METADATA_COLUMNS),
        ["dev", "test"],
        data=Path("data"),
        threads=params.mitigation.threads,
        decoding=params.decoding,
        steps=params.text.steps,
        cohorts=dict(zip(membership["utterance_id"], membership["cohort"], strict=True)),
    )
    before_rate, after_rate = (error_rate(table[table["split"] == "test"]) for table in (base, after))
    print(f"{method}: WER {before_rate:.1%} -> {after_rate:.1%} on test")
    with atomic_folder(Path("results/asr") / method) as folder:
        write_parquet(after, folder / "utterances.parquet")
        write_json(dev_figures_of(base, after, rules, params), folder / "dev.json")
        write_json(judge_system(method, base, after, rules, params).content(), folder / "fairness.json")


if __name__ == "__main__":
    main(sys.argv[1])
