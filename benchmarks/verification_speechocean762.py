"""Equal error rate of the small speaker encoder on the held-out speakers of speechocean762.

    python benchmarks/verification_speechocean762.py

speechocean762 (Zhang et al. 2021, 2104.01378) has 250 real speakers, half of them children, and a split of its own of
125 train and 125 test speakers, which this benchmark uses: the encoder is trained on the former and judged on the
latter. Trials are all pairs of utterances of a test speaker, up to 190, and two pairs of utterances of each pair of
test speakers. The corpus is found as `corpora/speechocean762.yaml` says.

`--minutes` ends the training: the number of epochs is what fits, judged by the first one.
"""

import argparse
import hashlib
import os
import platform
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import torch
from lhotse import CutSet

from isogloss.config import SpeakerParams, StatisticsParams
from isogloss.corpus.description import read_table_description
from isogloss.corpus.frontend.audio_root import resolve_root
from isogloss.corpus.frontend.features import compute_features, feature_statistics
from isogloss.corpus.ingest import ingest
from isogloss.corpus.manifests import make_cuts
from isogloss.inference.embed import embed_utterances
from isogloss.judging import Grouping, compare
from isogloss.judging.verification.errors import errors_of
from isogloss.judging.verification.lists import make_trials, select, with_groups
from isogloss.judging.verification.scoring import score_trials
from isogloss.judging.verification.study import sides_of
from isogloss.judging.verification.trials import trials_of
from isogloss.tables import atomic_path, write_json
from isogloss.training import fitting
from isogloss.training.speaker import train_speaker_encoder

RESULTS = Path(__file__).parent / "results"
SOURCE = "speechocean762"


def prepare(folder: Path, *, num_filters: int) -> pd.DataFrame:
    """Features of train and test under `folder`, as the stages write them; the metadata of both."""
    description = read_table_description(SOURCE, Path("corpora"))
    ingest(description, folder / "corpus", source=SOURCE)
    speakers = pd.read_csv(resolve_root(description.root, ".") / "speakers.csv", dtype=str).set_index("speaker_id")
    cuts = make_cuts(folder / "corpus")
    rows = pd.DataFrame(
        [(cut.id, cut.supervisions[0].speaker, cut.duration) for cut in cuts],
        columns=["utterance_id", "speaker_id", "duration_s"],
    ).join(speakers[["split", "gender", "age_band"]], on="speaker_id")
    split_of = rows.set_index("utterance_id")["split"]
    splits = {s: CutSet.from_cuts(cut for cut in cuts if split_of[cut.id] == s) for s in ("train", "test")}
    features = folder / "features"
    features.mkdir(parents=True)
    splits = compute_features(splits, features, stored_as=features.absolute(), num_filters=num_filters)
    (folder / "cuts").mkdir()
    for split, chosen in splits.items():
        chosen.to_file(folder / "cuts" / f"{split}.jsonl")
    write_json(feature_statistics(splits["train"]), folder / "feature_statistics.json")
    return rows


def epochs_within(params: SpeakerParams, folder: Path, minutes: float) -> tuple[int, float]:
    """How many epochs fit, from the time of one epoch more; and that time, in seconds."""
    times = []
    for epochs in (1, 2):
        start = time.perf_counter()
        train_speaker_encoder(params.model_copy(update={"epochs": epochs}), data=folder, output=folder / "trial")
        times.append(time.perf_counter() - start)
    each = times[1] - times[0]
    return max(1, int((60 * minutes - (times[0] - each)) / each)), each


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Prepare, train, and judge."""
    params = SpeakerParams(
        size=options.size,
        embedding_dim=options.embedding_dim,
        loss=options.loss,
        threads=options.threads,
        speakers_per_batch=options.speakers,
        utterances_per_speaker=options.utterances,
        crop_seconds=options.crop,
        learning_rate=options.learning_rate,
    )
    with TemporaryDirectory() as name:
        folder = Path(options.work or name)
        fitting.CHECKPOINTS = folder / "checkpoints"
        if not (folder / "rows.parquet").exists():
            prepare(folder, num_filters=options.filters).to_parquet(folder / "rows.parquet")
        rows = pd.read_parquet(folder / "rows.parquet")
        epochs, each = (options.epochs, None) if options.epochs else epochs_within(params, folder, options.minutes)
        params = params.model_copy(update={"epochs": epochs})
        start = time.perf_counter()
        model = train_speaker_encoder(params, data=folder, output=folder / "base")
        trained_s = time.perf_counter() - start
        test = rows[rows["split"] == "test"]
        embeddings = embed_utterances(model, test, data=folder, threads=options.threads)
    trials = make_trials(test, seed=1, max_targets_per_speaker=190)
    again = make_trials(test, seed=2, max_targets_per_speaker=190)
    trials = pd.concat([trials, again[~again["target"]]]).drop_duplicates(["enrol_id", "test_id"], ignore_index=True)
    trials = with_groups(trials, test[["utterance_id", "gender", "age_band"]])
    trials["score"] = score_trials(trials, embeddings)
    result: dict[str, Any] = {
        "command": options.command,
        "machine": {"cores": os.cpu_count(), "load_at_end": os.getloadavg()[0], "cpu": platform.processor()},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "speakers": {split: int(n) for split, n in rows.groupby("split")["speaker_id"].nunique().items()},
        "utterances": {split: int(n) for split, n in rows.groupby("split").size().items()},
        "params": params.model_dump(),
        "filters": options.filters,
        "parameters": sum(p.numel() for p in model.parameters()),
        "training_s": trained_s,
        "epoch_s": each,
        "trials_sha256": hashlib.sha256(trials[["enrol_id", "test_id"]].to_csv().encode()).hexdigest(),
    }
    groupings = [Grouping(name, sides_of(trials, name)) for name in ("gender", "age_band")]
    document = compare(trials, None, groupings, systems=("base",), statistics=StatisticsParams(), min_speakers=5)
    result["eer"], result["eer_ci95"] = document.overall.before, document.overall.before_ci95
    for grouping in document.groupings:
        keys = {"cohort", "speakers", "targets", "nontargets", "before", "before_ci95"}
        result[grouping.name] = [one.model_dump(include=keys) for one in grouping.cohorts]
    hard = trials_of(select(trials, same="gender"))
    result["eer_same_gender"] = errors_of(hard).eer
    result["min_dcf"] = {str(p): cost for p, cost in errors_of(trials_of(trials)).min_dcf.items()}
    return result


def table(result: dict[str, Any]) -> str:
    """The result in words."""
    low, high = result["eer_ci95"]
    lines = [
        "# Speaker verification on speechocean762",
        "",
        f"`{result['command']}`: {result['speakers']['train']} training speakers ({result['utterances']['train']} "
        f"utterances), {result['speakers']['test']} held-out ones, encoder `{result['params']['size']}` with "
        f"{result['parameters']:,} parameters, {result['params']['epochs']} epochs in {result['training_s'] / 60:.1f} "
        f"minutes on {result['params']['threads']} thread(s) of {result['machine']['cores']} cores (load "
        f"{result['machine']['load_at_end']:.1f} at the end: other work slowed it).",
        "",
        f"EER {result['eer']:.2%} (95 % interval {low:.2%} to {high:.2%}, bootstrap over speakers); within genders "
        f"{result['eer_same_gender']:.2%}; minDCF {result['min_dcf']['0.01']:.3f} at p = 0.01, "
        f"{result['min_dcf']['0.05']:.3f} at p = 0.05.",
        "",
        "| group (both speakers) | speakers | targets | non-targets | EER | 95 % interval |",
        "|---|---|---|---|---|---|",
    ]
    for grouping in ("gender", "age_band"):
        for one in result[grouping]:
            eer = "not measurable" if one["before"] is None else f"{one['before']:.2%}"
            interval = one["before_ci95"]
            shown = "" if interval is None else f"{interval[0]:.2%} to {interval[1]:.2%}"
            lines.append(
                f"| {one['cohort']} | {one['speakers']} | {one['targets']} | {one['nontargets']} | {eer} | {shown} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=18.0, help="length of the training")
    parser.add_argument("--epochs", type=int, help="instead of --minutes")
    parser.add_argument("--work", help="keep the features in this folder for the next run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", default="small")
    parser.add_argument("--embedding-dim", type=int, default=128)
    parser.add_argument("--loss", default="angular_prototypical")
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--speakers", type=int, default=63)
    parser.add_argument("--utterances", type=int, default=2)
    parser.add_argument("--crop", type=float, default=2.0)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    options = parser.parse_args()
    given = [f"--{name.replace('_', '-')} {value}" for name, value in vars(options).items() if value and name != "work"]
    options.command = " ".join(["python benchmarks/verification_speechocean762.py", *given])
    result = measure(options)
    write_json(result, RESULTS / "verification_speechocean762.json")
    with atomic_path(RESULTS / "verification_speechocean762.md") as temporary:
        temporary.write_text(table(result), encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
