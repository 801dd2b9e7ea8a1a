"""Stage `prepare`: splits, tokens, features and the metadata table."""

from functools import partial
from pathlib import Path
from typing import Any

from isogloss.config import load_params
from isogloss.corpus.prepare import prepare, sentence_overlap
from isogloss.entry import entry

WORK = Path("checkpoints/features")
"""Where finished shards wait for the others; it outlives a run that is killed."""


@entry
def main() -> None:
    """Prepare the corpus and say what is in each split."""
    params = load_params().prepare
    run = None
    if params.engine != "processes":
        from isogloss.pipeline.prefect_api.shards import run_shards

        how: dict[str, Any] = {"engine": params.engine, "workers": params.workers, "scheduler": params.scheduler}
        run = partial(run_shards, **how)
    utterances = prepare(Path("data/corpus"), Path("data"), params, work=WORK, run=run)
    for split, rows in utterances.groupby("split", sort=False):
        hours = rows["duration_s"].sum() / 3600
        print(f"{split}: {rows['speaker_id'].nunique()} speakers, {len(rows)} utterances, {hours:.2f} h")
    if (utterances["words"] > 0).any():
        overlap = sentence_overlap(utterances, "test")
        print(f"{overlap:.0%} of the utterances of test are sentences that occur in train or adapt")


if __name__ == "__main__":
    main()
