"""Coverage of the 95 % intervals of verification errors, by the number of speakers.

    python benchmarks/verification_coverage.py

Speakers differ in how alike their own utterances score and in how alike they are to others, so that the trials of a
speaker depend on each other. Each simulation draws speakers from that population and asks whether the interval holds
the population's error, which a large simulation gives. A refused interval (None) counts apart.
"""

import platform
from pathlib import Path

import numpy as np

from isogloss.judging.verification.errors import P_TARGETS, errors_of
from isogloss.judging.verification.intervals import bootstrap_errors
from isogloss.judging.verification.measures import level, share
from isogloss.judging.verification.resampling import ResampledTrials
from isogloss.judging.verification.trials import ScoredTrials
from isogloss.tables import atomic_path, write_json

SPEAKERS, SIMULATIONS, RESAMPLES, UTTERANCES = (10, 20, 40, 100), 400, 400, 4
POPULATION = 4000
RESULTS = Path(__file__).parent / "results"


def simulate(speakers: int, rng: np.random.Generator) -> ScoredTrials:
    """Every pair of utterances of a speaker, and one trial of every pair of speakers."""
    own_S, common_S = rng.normal(0.0, 0.7, speakers), rng.normal(0.0, 0.5, speakers)
    first, second = np.triu_indices(speakers, 1)
    owner = np.repeat(np.arange(speakers), UTTERANCES * (UTTERANCES - 1) // 2)
    targets = 3.6 + rng.standard_normal(len(owner)) + own_S[owner] + 2 * common_S[owner]
    others = rng.standard_normal(len(first)) + common_S[first] + common_S[second]
    return ScoredTrials(
        np.concatenate([targets, others]),
        np.arange(len(targets) + len(others)) < len(targets),
        np.concatenate([owner, first]).astype(np.int32),
        np.concatenate([owner, second]).astype(np.int32),
        [str(number) for number in range(speakers)],
        np.ones(speakers),
    )


def main() -> None:
    """Simulate and write the results."""
    rng = np.random.default_rng(1)
    truth = errors_of(simulate(POPULATION, rng))
    if truth.eer is None or truth.at_eer is None:
        raise SystemExit("the simulated population has no error rate")
    score = truth.at_eer.score
    true = {"EER": truth.eer, "FAR": truth.at_eer.far, "FRR": truth.at_eer.frr}
    true |= {f"minDCF {p}": truth.min_dcf[p] for p in P_TARGETS}
    measures = [level(0), share(1), share(2), *(level(3 + number) for number in range(len(P_TARGETS)))]
    rows = []
    for speakers in SPEAKERS:
        held, refused = dict.fromkeys(true, 0), dict.fromkeys(true, 0)
        for seed in range(SIMULATIONS):
            trials = simulate(speakers, rng)
            resampled = ResampledTrials(trials, thresholds=[score])
            values = [resampled.equal_error_rate(), resampled.false_alarms_at(score)]
            values += [resampled.misses_at(score), *(resampled.min_dcf(p) for p in P_TARGETS)]
            found = bootstrap_errors(
                values,
                measures,
                strata_S=np.zeros(speakers, dtype=np.intp),
                trials=len(trials),
                resamples=RESAMPLES,
                confidence=0.95,
                seed=seed,
            )
            for (name, value), inference in zip(true.items(), found, strict=True):
                interval = inference.estimate.interval
                refused[name] += interval is None
                held[name] += interval is not None and interval[0] <= value <= interval[1]
        shares = {name: held[name] / max(SIMULATIONS - refused[name], 1) for name in true}
        rows.append({"speakers": speakers, "coverage": shares, "refused": refused})
    command = "python benchmarks/verification_coverage.py"
    result = {"command": command, "simulations": SIMULATIONS, "resamples": RESAMPLES, "population": true, "rows": rows}
    write_json({**result, "versions": {"python": platform.python_version(), "numpy": np.__version__}}, _file("json"))
    lines = [
        "# Coverage of the intervals of verification errors",
        "",
        f"`{command}`: share of {SIMULATIONS} simulations whose 95 % interval holds the population's error "
        f"(its simulation error is about 1 point); in brackets how many intervals were refused. Population EER "
        f"{truth.eer:.1%}; FAR and FRR at a fixed threshold.",
        "",
        "| speakers | " + " | ".join(true) + " |",
        "|" + "---|" * (len(true) + 1),
        *(
            f"| {row['speakers']} | "
            + " | ".join(f"{row['coverage'][name]:.1%} ({row['refused'][name]})" for name in true)
            + " |"
            for row in rows
        ),
    ]
    with atomic_path(_file("md")) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def _file(suffix: str) -> Path:
    """Where results go."""
    return RESULTS / f"verification_coverage.{suffix}"


if __name__ == "__main__":
    main()
