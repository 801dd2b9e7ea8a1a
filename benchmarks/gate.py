"""How often `isogloss gate` errs, on speakers resampled from real pairs of systems.

    python benchmarks/gate.py [--speakers 20 40 80 160] [--trials 400] [--pair NAME]

The population are the 60 speakers of EdAcc (`$ISOGLOSS_DATA/edacc-transcripts`) with their errors under two pairs of
systems: Whisper large-v3-turbo against Parakeet, and Whisper small, whose insertion loops make single speakers exceed
100 % WER, against its fine-tuned form. A trial draws three cohorts of so many speakers with replacement. The second
system's errors are multiplied by one number a cohort, so that the true change of the rate is what the scenario says;
everything else of the pairs stays as it was: who gains, who loses, and how unevenly. Each trial is judged by the gate's
own functions, with a relative margin of 10 %.

- *at the margin*: one cohort rises by the margin. That its check passes is the error that the gate must not make more
  often than in 2.5 % of all trials; that the whole gate passes is rarer.
- *no change*: no rate changes. Exit code 1 is an error (at most 5 %); code 0 is the power.
- *twice the margin*: one cohort rises by 20 %. Code 1 is the power to name a harm.

Each number of speakers of each pair is a piece of its own: results of other pieces stay in results/gate.json.
"""

import argparse
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isogloss.config import MarginParams, StatisticsParams
from isogloss.gate.checks import judge
from isogloss.io.normalise import normalise
from isogloss.judging import word_errors
from isogloss.judging.pairing import TOTALS
from isogloss.judging.rates import cohort_rates
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics import holm
from isogloss.judging.statistics.intervals import standard_error
from isogloss.judging.statistics.noninferiority import noninferiority_power
from isogloss.tables import atomic_path, read_json, write_json

RESULTS = Path(__file__).parent / "results"
PAIRS = {
    "turbo, Parakeet": ("hyp_whisper_large_v3_turbo", "hyp_parakeet_tdt_v3"),
    "small, fine-tuned": ("hyp_whisper_small", "hyp_whisper_small_finetuned"),
}
MARGIN = 0.1
SCENARIOS = {"at the margin": (MARGIN, 0.0, 0.0), "no change": (0.0, 0.0, 0.0), "twice the margin": (0.2, 0.0, 0.0)}
STATISTICS = StatisticsParams(resamples=1000, permutations=1000)


def population(names: tuple[str, str]) -> np.ndarray:
    """Errors before, words, errors after, words of each speaker, (S, 4)."""
    folder = Path(os.environ.get("ISOGLOSS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    table = pd.read_json(folder / "edacc-transcripts" / "transcripts.jsonl.gz", lines=True)
    steps = ("lower", "brackets", "punctuation")
    references = normalise(table["ref"].tolist(), steps)
    sums = []
    for name in names:
        counts = word_errors(references, normalise(table[name].tolist(), steps))
        errors = counts[["substitutions", "deletions", "insertions"]].sum(axis=1)
        by_speaker = pd.DataFrame({"errors": errors, "words": counts["words"]}).groupby(table["speaker_id"].to_numpy())
        sums.append(by_speaker.sum().to_numpy(np.float64))
    return np.concatenate(sums, axis=1)


def changed(totals_S4: np.ndarray, change: float) -> np.ndarray:
    """The same speakers with a true change of that size, or a little more: errors are whole numbers."""
    ratio = totals_S4[:, 2].sum() / totals_S4[:, 0].sum()
    result = totals_S4.copy()
    result[:, 2] = np.ceil(totals_S4[:, 2] * (1 + change) / ratio - 1e-9)
    return result


def trial(parts: tuple[np.ndarray, ...], speakers: int, rng: np.random.Generator) -> tuple[str, str]:
    """Verdict of a gate on drawn speakers, and of its check of the first cohort.

    The figures are those of a document (`judging.rates`), judged as the gate does; the detour over tables of utterances
    is left out, which would take five times as long.
    """
    drawn = [part[rng.integers(0, len(part), speakers)] for part in parts]
    frames = [pd.DataFrame(totals, columns=TOTALS).assign(weight=1.0) for totals in (np.concatenate(drawn), *drawn)]
    figures = [rates for rates, _ in cohort_rates(frames, STATISTICS)]
    adjusted = holm([one.p for one in figures])
    alpha = 1 - STATISTICS.confidence
    verdicts = [
        judge(one, MarginParams(relative=MARGIN), p_holm, alpha=alpha)[0]
        for one, p_holm in zip(figures, adjusted, strict=True)
    ]
    blocking = {verdict for verdict in verdicts if verdict != "passed"}
    return "harmed" if "harmed" in blocking else "undecided" if blocking else "passed", verdicts[1]


def piece(totals_S4: np.ndarray, speakers: int, trials: int) -> dict[str, Any]:
    """All scenarios with cohorts of one size: shares of the trials."""
    found: dict[str, Any] = {}
    for number, (scenario, changes) in enumerate(SCENARIOS.items()):
        parts = tuple(changed(totals_S4, change) for change in changes)
        rng = np.random.default_rng([speakers, number])
        outcomes = [trial(parts, speakers, rng) for _ in range(trials)]
        gates, checks = (Counter(verdicts) for verdicts in zip(*outcomes, strict=True))
        found[scenario] = {
            "gate": {verdict: gates[verdict] / trials for verdict in ("passed", "harmed", "undecided")},
            "cohort_a": {verdict: checks[verdict] / trials for verdict in ("passed", "harmed", "undecided")},
        }
    same = changed(totals_S4, 0.0)
    error = standard_error([same], of.relative_change())
    power = noninferiority_power(error or np.nan, len(same), margin=np.log1p(MARGIN), level=0.025, wanted=speakers)
    return {"trials": trials, "planned_power": power, "scenarios": found}


def main() -> None:
    """Run the pieces that were asked for, and write results/gate.{json,md}."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--speakers", type=int, nargs="+", default=[20, 40, 80, 160])
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--pair", choices=PAIRS, action="append", help="All by default.")
    options = parser.parse_args()
    for pair in options.pair or PAIRS:
        totals_S4 = population(PAIRS[pair])
        for speakers in options.speakers:
            found = piece(totals_S4, speakers, options.trials)
            path = RESULTS / "gate.json"
            content = read_json(path) if path.exists() else {}
            content.setdefault(pair, {})[str(speakers)] = found
            write_json(content, path)
            with atomic_path(RESULTS / "gate.md") as page:
                page.write_text(_page(content), encoding="utf-8")


def _page(content: dict[str, Any]) -> str:
    """The results for readers."""
    lines = ["# How often the gate errs", "", "`python benchmarks/gate.py`; relative margin 10 %, three cohorts.", ""]
    lines += [
        "| pair | speakers a cohort | trials | false pass of a cohort (≤ 2.5 %) | false pass of the gate | false harm "
        "(≤ 5 %) | pass of a cohort without change | planned | pass of the gate | harm named at 20 % |"
    ]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for pair, sizes in content.items():
        for speakers in sorted(sizes, key=int):
            one = sizes[speakers]
            at, none, twice = (one["scenarios"][scenario] for scenario in SCENARIOS)
            figures = (
                at["cohort_a"]["passed"], at["gate"]["passed"], none["gate"]["harmed"], none["cohort_a"]["passed"],
                one["planned_power"], none["gate"]["passed"], twice["gate"]["harmed"],
            )  # fmt: skip
            shares = " | ".join(f"{100 * share:.1f} %" for share in figures)
            lines.append(f"| {pair} | {speakers} | {one['trials']} | {shares} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
