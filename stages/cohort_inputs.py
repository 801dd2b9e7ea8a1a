"""Stages `cohort_inputs` and `voice_inputs`: what each cohort rule may look at, from the tables or from the voices."""

import sys
from pathlib import Path

from isogloss.cohorts.inputs import table_inputs, voice_inputs
from isogloss.entry import entry
from isogloss.tables import read_parquet, write_parquet

DATA = Path("data")


@entry
def main(origin: str) -> None:
    """Write the inputs that come from `tables` or from `voices`."""
    if origin == "voices":
        inputs = voice_inputs(read_parquet(DATA / "embeddings.parquet"))
    else:
        inputs = table_inputs(read_parquet(DATA / "utterances.parquet"), read_parquet(DATA / "corpus" / "zips.parquet"))
    for rule, table in inputs.items():
        write_parquet(table, DATA / "cohort_inputs" / f"{rule}.parquet")


if __name__ == "__main__":
    main(sys.argv[1])
