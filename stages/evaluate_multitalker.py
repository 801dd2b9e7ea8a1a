"""Stage `evaluate_multitalker@<system>`: what a system hears in every set of conversations, judged."""

import sys
from pathlib import Path

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.inference.conversations import evaluate_multitalker


@entry
def main(system: str) -> None:
    """Judge and say the error rates."""
    figures = evaluate_multitalker(
        system,
        load_params(),
        data=Path("data"),
        model=Path("models/multitalker") / system,
        cohorts=Path("cohorts"),
        output=Path("results/multitalker") / system,
    )
    for name, conditions in figures.items():
        for condition, one in conditions.items():
            print(f"{system}, {name}, {condition}: ORC-WER {one['orc_wer']:.1%}")


if __name__ == "__main__":
    main(sys.argv[1])
