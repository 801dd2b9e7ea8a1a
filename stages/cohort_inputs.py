"""Stage `cohort_inputs`: what each cohort rule that looks at the tables may look at."""

from pathlib import Path

from isogloss.cohorts.inputs import table_inputs
from isogloss.entry import entry
from isogloss.tables import read_parquet, write_parquet

DATA = Path("data")


@entry
def main() -> None:
    """Write a table for each rule."""
    inputs = table_inputs(read_parquet(DATA / "utterances.parquet"), read_parquet(DATA / "corpus" / "zips.parquet"))
    for rule, table in inputs.items():
        write_parquet(table, DATA / "cohort_inputs" / f"{rule}.parquet")


if __name__ == "__main__":
    main()
