"""Stage `evaluate_speaker@<method>`: a mitigated verifier beside the base one on the speakers of test."""

import sys

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.inference.verify import evaluate_verifier


@entry
def main(method: str) -> None:
    """Evaluate `method` under every cohort rule and attribute."""
    overall = evaluate_verifier(method, load_params()).overall
    print(f"{method}: EER {overall.before:.2%} -> {overall.after:.2%} on test")


if __name__ == "__main__":
    main(sys.argv[1])
