"""What adaptations of Whisper to recorded children do to speech of another kind: Atlas, which none of them has heard.

    isogloss sweep experiments/recorded.yaml                                     # the models
    python benchmarks/foreign_domain.py ATLAS [--runs recorded-adapted] [--speakers 300]

ATLAS is a clone in which `isogloss run prepare` has run with the default params. One utterance of each of its first
test speakers, of at most the recogniser's window, is decoded by the base model and by every method of every finished
run whose name begins with --runs. Estimand and interval are those of the study: relative change of the word error rate
against the base model, as the population weighs speakers and with all alike, 95 % over seeds and speakers. This was not
part of the study's plan, and it answers none of the plan's questions.

Written to `benchmarks/results/foreign_domain.{json,md}`.
"""

import argparse
import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.api import DVCFileSystem
from lhotse import CutSet

from isogloss.config import load_sweep
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.io.normalise import normalise
from isogloss.judging import error_rate
from isogloss.judging.pairing import pair_utterances, sums_by_cohort, totals_of
from isogloss.judging.statistics import Estimate, estimands, over_seeds
from isogloss.judging.word_errors import word_errors
from isogloss.pipeline.repo.outputs import finished_runs
from isogloss.recognizers import load_recognizer
from isogloss.recognizers.decode import decode_cuts
from isogloss.tables import METADATA_COLUMNS, atomic_path, read_parquet, write_json

RESULTS = Path(__file__).parent / "results"
EXPERIMENT = Path("experiments/recorded.yaml")
STEPS = ("english",)
"""As the study has it (text.normalizer)."""


def main() -> None:
    """Decode and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas", type=Path)
    parser.add_argument("--runs", default="recorded-adapted")
    parser.add_argument("--speakers", type=int, default=300)
    parser.add_argument("--longest", type=float, default=5.0, help="seconds of an utterance, at most the window")
    given = parser.parse_args()
    compute_repeatably(2)
    cuts, utterances = _spoken(given.atlas, given.speakers, given.longest)
    sweep = load_sweep(EXPERIMENT)
    finished = finished_runs(sweep)
    base: pd.DataFrame | None = None
    adapted: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for run in sweep.runs:
        if run.name not in finished or not run.name.startswith(given.runs):
            continue
        files = DVCFileSystem(rev=run.name)
        systems = [Path(path).name for path in files.ls("models/asr", detail=False) if files.isdir(path)]
        if base is None:  # of one seed: the same in every run
            base = _decode(files, "base", cuts, utterances)
        for system in systems:
            if system != "base":
                table = _decode(files, system, cuts, utterances)
                adapted.setdefault((run.setting, system), []).append(table)
                print(f"{run.name}, {system}: {error_rate(table):.1%} (base {error_rate(base):.1%})", flush=True)
    if base is None:
        raise SystemExit(f"no run of {EXPERIMENT} that begins with {given.runs} is finished")
    rows = [
        {"setting": setting, "system": system, "seeds": len(tables), "rates": [error_rate(one) for one in tables]}
        | {
            name: _change(base, tables, alike=alike)
            for name, alike in (("population", False), ("speakers_alike", True))
        }
        for (setting, system), tables in adapted.items()
    ]
    found = {"speakers": len(utterances), "words": int(base["words"].sum()), "base": error_rate(base), "rows": rows}
    write_json(found, RESULTS / "foreign_domain.json")
    with atomic_path(RESULTS / "foreign_domain.md") as path:
        path.write_text(_as_markdown(found), encoding="utf-8")


def _spoken(atlas: Path, speakers: int, longest: float) -> tuple[CutSet, pd.DataFrame]:
    """One utterance of each of the first test speakers: cuts with audio, and their rows."""
    table = read_parquet(atlas / "data/utterances.parquet", METADATA_COLUMNS)
    table = table[(table["split"] == "test") & (table["duration_s"] <= longest)]
    table = table.drop_duplicates("speaker_id").head(speakers).reset_index(drop=True)
    wanted = set(table["utterance_id"])
    with contextlib.chdir(atlas):
        cuts = [cut for cut in read_cuts("data/cuts/test.jsonl", hears="audio") if cut.supervisions[0].id in wanted]
    # The folder of the audio may be relative to the clone.
    found = [cut.with_recording_path_prefix(atlas.absolute()) for cut in cuts]
    return CutSet.from_cuts(found), table


def _decode(files: DVCFileSystem, system: str, cuts: CutSet, utterances: pd.DataFrame) -> pd.DataFrame:
    """The result table of one system of one run."""
    with tempfile.TemporaryDirectory() as folder:
        files.get(f"models/asr/{system}", f"{folder}/model", recursive=True)
        recognizer = load_recognizer(Path(folder) / "model")
        hypotheses = decode_cuts(recognizer, cuts)
    said = {cut.id: cut.supervisions[0].id for cut in cuts}
    texts = {said[id_]: hypothesis.text for id_, hypothesis in hypotheses.items()}
    table = utterances.assign(hyp=utterances["utterance_id"].map(texts))
    counts = word_errors(*(normalise(table[column].tolist(), STEPS) for column in ("ref", "hyp")))
    return table.assign(**{column: counts[column].to_numpy() for column in counts.columns})


def _change(base: pd.DataFrame, tables: list[pd.DataFrame], *, alike: bool) -> dict[str, Any]:
    """The relative change over seeds and speakers."""
    runs = []
    for table in tables:
        pairs = pair_utterances(base, table, alike=alike)
        runs.append([totals_of(sums_by_cohort(pairs, pd.Series("all", index=range(len(pairs)))))])
    found: Estimate = over_seeds(runs, estimands.relative_change())
    return {"change": found.value, "low": found.low, "high": found.high}


def _as_markdown(found: dict[str, Any]) -> str:
    """The table."""
    lines = [
        f"{found['speakers']} test speakers of Atlas with one utterance each, {found['words']} words. The base model's",
        f"word error rate is {found['base']:.1%}; relative change of it, 95 % over seeds and speakers.",
        "",
        "| setting | method | seeds | change | every speaker alike |",
        "|---|---|---:|---:|---:|",
    ]
    for row in found["rows"]:
        cells = [row["setting"], row["system"], str(row["seeds"])]
        for name in ("population", "speakers_alike"):
            one = row[name]
            within = "" if one["low"] is None else f" ({100 * one['low']:+.1f} to {100 * one['high']:+.1f})"
            cells.append(f"{100 * one['change']:+.1f} %{within}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
