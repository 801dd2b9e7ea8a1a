"""Stage `discover@<rule>`: fit one cohort rule on the discovery split and apply it to all splits."""

import sys
from pathlib import Path

from isogloss.cohorts import discover, write_discovery
from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.tables import read_parquet


@entry
def main(rule: str) -> None:
    """Discover cohorts under `rule` and say how many there are."""
    inputs = read_parquet(f"data/cohort_inputs/{rule}.parquet")
    results = read_parquet("results/asr/base/utterances.parquet")
    discovery = discover(rule, load_params(), inputs, results)
    write_discovery(discovery, Path("cohorts") / rule)
    # No figures: a stage's output reaches Prefect's pages, and a cohort may be of one speaker.
    print(f"{len(discovery.summary['cohorts'])} cohorts; cohorts/{rule}/summary.json has their sizes and error rates")


if __name__ == "__main__":
    main(sys.argv[1])
