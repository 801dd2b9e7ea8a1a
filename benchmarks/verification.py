"""Time and memory of verification errors of ten million trials, without the bootstrap.

    python benchmarks/verification.py

5,000 speakers in ten groups, one in a hundred trials a target, weights that differ: EER, minDCF and threshold of all
trials and of each group, from arrays that are in memory. Memory is the peak of the process, trials included (Linux).
"""

import os
import platform
import resource
import time
from pathlib import Path

import numpy as np

from isogloss.judging.verification.errors import errors_of
from isogloss.judging.verification.trials import ScoredTrials
from isogloss.tables import atomic_path, write_json

TRIALS, SPEAKERS, GROUPS = 10_000_000, 5_000, 10
RESULTS = Path(__file__).parent / "results"


def simulate() -> tuple[ScoredTrials, np.ndarray]:
    """Trials, and the group of each speaker."""
    rng = np.random.default_rng(1)
    enrol_N = rng.integers(0, SPEAKERS, TRIALS, dtype=np.int32)
    other_N = rng.integers(1, SPEAKERS, TRIALS, dtype=np.int32)
    target_N = np.arange(TRIALS) % 100 == 0
    test_N = np.where(target_N, enrol_N, (enrol_N + other_N) % SPEAKERS).astype(np.int32)
    score_N = rng.standard_normal(TRIALS)
    score_N += 3.0 * target_N
    names = [f"s{number}" for number in range(SPEAKERS)]
    weight_S = rng.gamma(2.0, size=SPEAKERS)
    trials = ScoredTrials(score_N, target_N, enrol_N, test_N, names, weight_S / weight_S.mean())
    return trials, np.arange(SPEAKERS) % GROUPS


def main() -> None:
    """Measure and write the results."""
    trials, group_S = simulate()
    wall, cpu = time.perf_counter(), time.process_time()
    eers = [errors_of(trials).eer]
    first_N, second_N = group_S[trials.enrol_N], group_S[trials.test_N]
    eers += [errors_of(trials.where((first_N == group) & (second_N == group))).eer for group in range(GROUPS)]
    result = {
        "command": "python benchmarks/verification.py",
        "trials": TRIALS,
        "groups": GROUPS,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "eers": eers,
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }
    write_json(result, RESULTS / "verification.json")
    text = (
        "# Verification errors of ten million trials\n\n"
        f"`{result['command']}`: EER, minDCF and threshold of {TRIALS:,} weighted trials and of {GROUPS} groups of "
        f"speakers in {result['wall_s']:.1f} s ({result['cpu_s']:.1f} s of processor time; load "
        f"{result['load']:.1f} on {result['cores']} cores), {result['peak_bytes'] / 2**30:.2f} GiB at the peak, trials "
        "included.\n"
    )
    with atomic_path(RESULTS / "verification.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
