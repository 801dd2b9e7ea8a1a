"""Stage `mitigate@<method>`: adapt the base recogniser for the worst cohorts of `mitigation.rule`."""

import sys
from pathlib import Path

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.inference.dev import dev_rates
from isogloss.judging.stage_files import read_summary
from isogloss.judging.worst import worst_cohorts
from isogloss.tables import ASSIGNMENT_COLUMNS, METADATA_COLUMNS, read_parquet
from isogloss.training.adapt_recognizer import adapt_recognizer


@entry
def main(method: str) -> None:
    """Adapt by `method`."""
    params = load_params()
    cohorts = Path("cohorts") / params.mitigation.rule
    utterances = read_parquet("data/utterances.parquet", METADATA_COLUMNS)
    assignments = read_parquet(cohorts / "assignments.parquet", ASSIGNMENT_COLUMNS)
    worst = worst_cohorts(read_summary(cohorts / "summary.json"), params.mitigation.worst_share)
    adapt_recognizer(
        method,
        params,
        data=Path("data"),
        base=Path("models/asr/base"),
        assignments=assignments,
        worst=worst,
        output=Path("models/asr") / method,
        dev=lambda model: dev_rates(model, utterances, assignments, worst, params, data=Path("data")),
    )


if __name__ == "__main__":
    main(sys.argv[1])
