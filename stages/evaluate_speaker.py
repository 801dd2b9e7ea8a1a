"""Stage `evaluate_speaker@<method>`: a mitigated verifier beside the base one on the speakers of test."""

import sys
from pathlib import Path

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.inference.verify import evaluate_verifier
from isogloss.tables import read_json


@entry
def main(method: str) -> None:
    """Evaluate `method` under every cohort rule and attribute."""
    overall = evaluate_verifier(method, load_params()).overall
    print(f"{method}: EER {overall.before:.2%} -> {overall.after:.2%} on test")
    for name, rates in read_json(Path("results/speaker") / method / "recordings.json").items():
        print(f"{name}: EER {rates['before']:.2%} -> {rates['after']:.2%}, {rates['targets']:,} targets")


if __name__ == "__main__":
    main(sys.argv[1])
