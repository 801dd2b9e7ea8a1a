"""Which options of `automatic` find the planted dialects, over several corpora?

    python benchmarks/voices_corpora.py FOLDER [--seeds 2 3 4 5 6] [--anew]      # 5 to 10 minutes a corpus

All corpora among the results take part in the choice, and none of them is run again, unless with --anew; the results
say at which revision each was run.

Analysis, written before the runs.
Corpora: Atlas with the default params, but for `corpus.seed` and as few adapt speakers as are allowed, since nothing is
  adapted. Each has a recogniser and a speaker encoder of its own, trained in a clone below FOLDER.
Options: every combination of `cohorts.voices`, `automatic.normalization`, `automatic.error_weight` and
  `automatic.n_clusters` in `OPTIONS`, fitted on discovery as the stage `discover` does.
Score: F1 of the speakers of test in the cohorts that would be mitigated (`mitigation.worst_share`), against those whose
  dialect is disadvantaged (as `isogloss score` says it). Recall alone asks for large cohorts, precision alone for tiny
  ones.
Choice: the highest mean of F1 over the corpora.
What the choice is worth: on each corpus, what the choice from the other corpora has there; its recall and precision
  beside chance, with a 95 % t interval over corpora. The corpus of the default params (seed 1) takes no part: its
  options have been looked at before (`voices-atlas.md`).

Written to `benchmarks/results/voices_corpora.{json,md}`.
"""

import argparse
import itertools
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t
from voices import planted_truth

from isogloss.cohorts import discover
from isogloss.cohorts.automatic import AutomaticParams
from isogloss.cohorts.inputs import voice_inputs
from isogloss.config import MitigationParams, Params, StatisticsParams, overridden_text
from isogloss.judging.recovery import score_recovery
from isogloss.judging.worst import worst_cohorts
from isogloss.tables import atomic_path, read_json, read_parquet, write_json

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "voices_corpora"
OPTIONS = {
    "voices": ("speaker", "asr"),
    "normalization": ("none", "mean", "within_speaker"),
    "error_weight": (0.0, 1.0),
    "n_clusters": (2, 4, 6, 8, 10, 12),
}
FEW_DRAWS = StatisticsParams(resamples=200)
"""Recovery needs no intervals; discovery makes them nevertheless."""
SHARES = ("recall", "precision", "chance_recall", "chance_precision")


def main() -> None:
    """Train on each corpus, score every combination, choose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the clones")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 4, 5, 6], help="corpus.seed of each")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--anew", action="store_true", help="run corpora again that are among the results")
    given = parser.parse_args()
    known = results_by_seed()
    wanted = [seed for seed in given.seeds if given.anew or seed not in known]
    both = {"cohorts.voices": "asr", "speaker.encoders": ["base"]}
    for seed in wanted:
        run(given.folder / f"seed-{seed}", {"corpus.seed": seed, "atlas.adapt_speakers": 20} | both)
    jobs = [(given.folder / f"seed-{seed}", seed) for seed in wanted]
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        known |= dict(zip(wanted, pool.map(scores, jobs), strict=True))
    rows = [row for seed in sorted(known) for row in known[seed]]
    found: dict[str, Any] = {"seeds": sorted(known), **chosen(pd.DataFrame(rows)), "rows": rows}
    write_json(found, RESULTS.with_suffix(".json"))
    page = as_markdown(found)
    with atomic_path(RESULTS.with_suffix(".md")) as path:
        path.write_text(page, encoding="utf-8")
    print(page)


def results_by_seed() -> dict[int, list[dict[str, Any]]]:
    """The rows of each corpus among the results."""
    known: dict[int, list[dict[str, Any]]] = {}
    for row in read_json(RESULTS.with_suffix(".json"))["rows"] if RESULTS.with_suffix(".json").is_file() else []:
        known.setdefault(row["seed"], []).append(row)
    return known


def run(clone: Path, overrides: dict[str, Any]) -> None:
    """The pipeline up to the base results and the embeddings, in a clone of this revision."""
    if not clone.exists():
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        params = clone / "params.yaml"
        text = overridden_text(params.read_text(encoding="utf-8"), overrides, where="params.yaml")
        params.write_text(text, encoding="utf-8")
    program = "from isogloss.cli import main; main()"
    subprocess.run([sys.executable, "-c", program, "run", "voice_inputs", "train_speaker"], cwd=clone, check=True)


def scores(job: tuple[Path, int]) -> list[dict[str, Any]]:
    """The shares that every combination has on one corpus."""
    clone, seed = job
    base = read_parquet(clone / "results/asr/base/utterances.parquet")
    truth = planted_truth(clone, base)
    inputs = {
        "speaker": voice_inputs(read_parquet(clone / "data/embeddings/speaker.parquet"))["automatic"],
        "asr": read_parquet(clone / "data/cohort_inputs/automatic.parquet"),
    }
    test = set(base.loc[base["split"] == "test", "utterance_id"])
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True).stdout
    rows = []
    for values in itertools.product(*OPTIONS.values()):
        options = dict(zip(OPTIONS, values, strict=True))
        automatic = AutomaticParams(**{name: value for name, value in options.items() if name != "voices"})
        params = Params(statistics=FEW_DRAWS, automatic=automatic)
        found = discover("automatic", params, inputs[options["voices"]], base)
        cohorts = found.assignments[found.assignments["utterance_id"].isin(test)]
        recovery = score_recovery(cohorts, truth, worst_cohorts(found.summary, MitigationParams().worst_share))
        shares = {name: getattr(recovery, name) or 0.0 for name in SHARES}
        both = shares["recall"] + shares["precision"]
        f1 = 2 * shares["recall"] * shares["precision"] / both if both else 0.0
        of_run = {"seed": seed, "revision": head[:7]}
        rows.append({**of_run, **options, **shares, "f1": f1, "adjusted_rand": recovery.adjusted_rand})
    return rows


def chosen(rows: pd.DataFrame) -> dict[str, Any]:
    """The combination with the highest mean F1, and what choosing so is worth on a corpus that had no part in it."""
    names = list(OPTIONS)
    held_out = [
        _rows_of(rows[rows["seed"] == seed], _best(rows[rows["seed"] != seed], names)).iloc[0].to_dict()
        for seed in sorted(set(rows["seed"]))
    ]
    best = _best(rows, names)
    of_best = _rows_of(rows, best)
    shares = (*SHARES, "f1", "adjusted_rand")
    return {
        "chosen": best,
        "of_chosen": {name: float(of_best[name].mean()) for name in shares},
        "held_out": held_out,
        "of_held_out": {name: _interval([row[name] for row in held_out]) for name in shares},
    }


def _best(rows: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    """The combination with the highest mean F1."""
    mean = rows.groupby(names, sort=False)["f1"].mean().reset_index()
    return mean.iloc[int(mean["f1"].argmax())][names].to_dict()


def _rows_of(rows: pd.DataFrame, options: dict[str, Any]) -> pd.DataFrame:
    """The rows of one combination."""
    return rows[np.logical_and.reduce([rows[name] == value for name, value in options.items()])]


def _interval(values: list[float]) -> dict[str, float]:
    """The mean and half of its 95 % t interval."""
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return {"mean": float(np.mean(values)), "half": float(half)}


def as_markdown(found: dict[str, Any]) -> str:
    """The choice, what it is worth, and the mean of every combination."""
    rows = pd.DataFrame(found["rows"])
    names = list(OPTIONS)
    worth = {name: f"{one['mean']:.0%} ± {one['half']:.0%}" for name, one in found["of_held_out"].items()}
    options = ", ".join(f"{name} {value}" for name, value in found["chosen"].items())
    revisions = ", ".join(f"{seed} ({revision})" for seed, revision in rows.groupby("seed")["revision"].first().items())
    others = sorted({", ".join(f"{row[name]}" for name in names) for row in found["held_out"]})
    lines = [
        "# Which options of `automatic` find the planted dialects?",
        "",
        f"`python benchmarks/voices_corpora.py`; its head says how. Corpora: Atlas, seeds {revisions}.",
        "",
        f"Chosen: {options}. On a corpus that had no part in the choice: recall {worth['recall']} (chance "
        f"{worth['chance_recall']}), precision {worth['precision']} (chance {worth['chance_precision']}), F1 "
        f"{worth['f1']}; mean over {len(found['held_out'])} corpora and 95 % t interval. Chosen without one: "
        f"{'; '.join(others)}.",
        "",
        "Means over the corpora, of the cohorts that would be mitigated, on test:",
        "",
        "| voices | normalization | errors count | clusters | recall (chance) | precision (chance) | F1 | lowest F1 |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    mean = rows.groupby(names, sort=False)[[*SHARES, "f1"]].mean()
    least = rows.groupby(names, sort=False)["f1"].min()
    for values, row in mean.iterrows():
        voices, normalization, weight, clusters = values
        shares = [f"{row[name]:.0%} ({row[f'chance_{name}']:.0%})" for name in ("recall", "precision")]
        cells = [voices, normalization, f"{weight:g}", str(clusters), *shares, f"{row['f1']:.2f}"]
        lines.append(f"| {' | '.join(cells)} | {least.loc[values]:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
