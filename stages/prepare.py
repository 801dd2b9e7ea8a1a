"""Stage `prepare`: splits, tokens, features and the metadata table."""

from pathlib import Path

from isogloss.config import load_params
from isogloss.corpus.prepare import prepare, sentence_overlap
from isogloss.entry import entry

WORK = Path("checkpoints/features")
"""Where finished shards wait for the others; it outlives a run that is killed."""


@entry
def main() -> None:
    """Prepare the corpus and say what is in each split."""
    utterances = prepare(Path("data/corpus"), Path("data"), load_params().prepare, work=WORK)
    for split, rows in utterances.groupby("split", sort=False):
        hours = rows["duration_s"].sum() / 3600
        print(f"{split}: {rows['speaker_id'].nunique()} speakers, {len(rows)} utterances, {hours:.2f} h")
    overlap = sentence_overlap(utterances, "test")
    print(f"{overlap:.0%} of the utterances of test are sentences that occur in train or adapt")


if __name__ == "__main__":
    main()
