"""Do clusters of voices find a group without being told of it? Every option of `automatic` on a run that is finished.

    python benchmarks/voices.py --name recorded --against age_band --group 'child 6-12'     # in the run's workspace
    python benchmarks/voices.py --name atlas                                                # the planted dialects

Each combination of `cohorts.voices`, `automatic.normalization`, `automatic.error_weight` and `automatic.n_clusters` is
fitted on the speakers of discovery and scored on those of test and of all splits: how much of the group the cohort
with the highest error rate on discovery holds, and how much the cohort that holds most of it, beside chance. All are
shown, and p is adjusted for none of them but for the clusters of one: with so many, the best one is no finding
of its own. It takes one pass of the recogniser's encoder over all utterances.

Written to `benchmarks/results/voices-<name>.{json,md}`.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from isogloss.cli.score import DISADVANTAGED, TRUTH
from isogloss.cohorts.automatic import SpeakerClusters
from isogloss.inference.heard import embed_by_recognizer
from isogloss.judging import error_rate, error_rates
from isogloss.judging.recovery import Recovery, score_recovery
from isogloss.recognizers import load_recognizer
from isogloss.tables import METADATA_COLUMNS, atomic_path, read_parquet, write_json

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Fit and score every combination."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--against", help="column of data/utterances.parquet; the planted dialects without it")
    parser.add_argument("--group", action="append", default=[], help="value to be found; may be repeated")
    parser.add_argument("--clusters", type=int, nargs="+", default=[2, 4, 8])
    given = parser.parse_args()
    utterances = read_parquet("data/utterances.parquet", METADATA_COLUMNS)
    base = read_parquet("results/asr/base/utterances.parquet")
    truth = _truth(utterances, base, given.against, given.group)
    embeddings = {
        "speaker": read_parquet("data/embeddings/speaker.parquet"),
        "asr": embed_by_recognizer(load_recognizer(Path("models/asr/base")), utterances, data=Path("data"), threads=1),
    }
    options = itertools.product(embeddings, ("none", "mean", "within_speaker"), (0.0, 1.0), given.clusters)
    rows = [
        {"voices": voices, "normalization": normalization, "error_weight": weight, "n_clusters": clusters}
        | _scores(
            SpeakerClusters(n_clusters=clusters, normalization=normalization, error_weight=weight, random_state=1),
            embeddings[voices],
            base,
            truth,
        )
        for voices, normalization, weight, clusters in options
    ]
    found = {"against": given.against, "groups": sorted(set(truth.loc[truth["disadvantaged"], "group"])), "rows": rows}
    write_json(found, RESULTS / f"voices-{given.name}.json")
    page = _as_markdown(found)
    with atomic_path(RESULTS / f"voices-{given.name}.md") as path:
        path.write_text(page, encoding="utf-8")
    print(page)


def _truth(utterances: pd.DataFrame, base: pd.DataFrame, column: str | None, groups: list[str]) -> pd.DataFrame:
    """`speaker_id, group, disadvantaged`, a row a speaker."""
    if column is None:
        return planted_truth(Path(), base)
    truth = utterances[["speaker_id", column]].dropna().drop_duplicates().rename(columns={column: "group"})
    return truth.assign(disadvantaged=truth["group"].isin(groups))


def planted_truth(workspace: Path, base: pd.DataFrame) -> pd.DataFrame:
    """`speaker_id, group, disadvantaged` by the planted dialects, as `isogloss score` has them."""
    truth = read_parquet(workspace / TRUTH)[["speaker_id", "dialect"]].rename(columns={"dialect": "group"})
    discovery = base[base["split"] == "discovery"]
    rates = error_rates(discovery.merge(truth, on="speaker_id"), "group")["error_rate"]
    disadvantaged = rates.index[rates > DISADVANTAGED * error_rate(discovery)]
    return truth.assign(disadvantaged=truth["group"].isin(disadvantaged))


def _scores(rule: SpeakerClusters, embeddings: pd.DataFrame, base: pd.DataFrame, truth: pd.DataFrame) -> dict[str, Any]:
    """The figures of one combination."""
    vectors_ND = np.stack(embeddings["vector"].to_list()).astype(np.float64)
    speakers, known = embeddings["speaker_id"].to_numpy(), set(truth["speaker_id"])
    discovery_N = (embeddings["split"] == "discovery").to_numpy()
    counts = base.set_index("utterance_id").loc[embeddings["utterance_id"][discovery_N]]
    errors = counts["substitutions"] + counts["deletions"] + counts["insertions"]
    rule.fit(
        vectors_ND[discovery_N],
        (errors / counts["words"]).to_numpy(),
        sample_weight=counts["words"].to_numpy(dtype=float),
        groups=speakers[discovery_N],
    )
    scores: dict[str, Any] = {}
    for split in ("test", "all"):
        some_N = (embeddings["split"] == split).to_numpy() | (split == "all")
        some_N &= np.array([speaker in known for speaker in speakers])
        cohorts = embeddings.loc[some_N, ["speaker_id"]].assign(
            cohort=rule.predict(vectors_ND[some_N], groups=speakers[some_N])
        )
        one = cohorts.drop_duplicates("speaker_id").merge(truth, on="speaker_id")
        single = [score_recovery(cohorts, truth, [name]) for name in sorted(set(cohorts["cohort"]))]
        scores[split] = {
            "speakers": len(one),
            "adjusted_rand": float(adjusted_rand_score(one["disadvantaged"], one["cohort"])),
            "worst": _shares(score_recovery(cohorts, truth, rule.cohorts_[:1]), 1),
            "best": _shares(max(single, key=lambda each: each.recall or 0.0), len(single)),
        }
    return scores


def _shares(found: Recovery, tried: int) -> dict[str, Any]:
    """Recall and precision beside chance, and p times the cohorts that were looked at."""
    return {
        "recall": found.recall,
        "chance_recall": found.chance_recall,
        "precision": found.precision,
        "chance_precision": found.chance_precision,
        "p": min(1.0, tried * found.p_chance),
    }


def _as_markdown(found: dict[str, Any]) -> str:
    """The table of test."""
    rows = found["rows"]
    what = f"{found['against'] or 'planted dialects'}: {', '.join(found['groups'])}"
    chance = rows[0]["test"]["best"]["chance_precision"]
    lines = [
        f"To be found, {what}: {chance:.0%} of the {rows[0]['test']['speakers']} speakers of test. The cohort with",
        "the highest error rate on discovery, and the one that holds most of the group on test. Recall is found / by",
        "chance; the best cohort's p is multiplied by the number of cohorts; ARI is of the cohorts against the group.",
        "",
        "| voices | normalization | errors count | clusters | ARI | worst cohort: recall | precision | p "
        "| best cohort: recall | precision | p |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        test = row["test"]
        cells = [row["voices"], row["normalization"], f"{row['error_weight']:g}", str(row["n_clusters"])]
        cells.append(f"{test['adjusted_rand']:.2f}")
        for which in ("worst", "best"):
            one = test[which]
            precision = "none" if one["precision"] is None else f"{one['precision']:.0%}"
            cells += [f"{one['recall']:.0%} / {one['chance_recall']:.0%}", precision, f"{one['p']:.2g}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
