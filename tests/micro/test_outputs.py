"""Every file that the stages leave can be read as what it is: tables with their columns and dtypes, JSON, pages."""

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from safetensors.numpy import load_file

from isogloss.judging.document import Document
from isogloss.tables import ASSIGNMENT_COLUMNS, METADATA_COLUMNS, RESULT_COLUMNS, SPLITS

ANY = "str bool int64 float64 object"
IDENTIFIERS = {"utterance_id": "str", "speaker_id": "str", "split": "str"}
TRIALS = {
    "enrol_id": "str",
    "test_id": "str",
    "enrol_speaker": "str",
    "test_speaker": "str",
    "target": "bool",
    "score": "float64",
}


def table(columns: dict[str, str], *, others: str = "") -> Callable[[Path], None]:
    """A parquet table with rows, with these columns of these dtypes, and no others but of the dtype `others`."""

    def check(path: Path) -> None:
        read = pd.read_parquet(path)
        assert len(read) > 0
        found = {str(name): str(dtype) for name, dtype in read.dtypes.items()}
        assert {name: found.get(name) for name in columns} == columns
        assert {dtype for name, dtype in found.items() if name not in columns} <= set(others.split())
        if "utterance_id" in columns:
            assert read["utterance_id"].is_unique

    return check


def is_json(path: Path) -> None:
    def refuse(constant):
        raise AssertionError(f"{path} holds {constant}, which is no JSON")

    assert json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def is_document(path: Path) -> None:
    """A judgement: keys that its schema does not have are refused."""
    Document.model_validate_json(path.read_text(encoding="utf-8"))


def is_json_lines(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows and len({row["id"] for row in rows}) == len(rows)


def is_curve(path: Path) -> None:
    curve = pd.read_csv(path, sep="\t")
    assert list(curve["epoch"]) == list(range(1, len(curve) + 1)) and len(curve) > 0
    assert {"loss"} <= set(curve.columns) <= {"epoch", "loss", "dev_loss"}
    assert np.isfinite(curve.to_numpy()).all()


def is_weights(path: Path) -> None:
    weights = load_file(path)
    assert weights and all(np.isfinite(array).all() for array in weights.values())


def is_audio(path: Path) -> None:
    sound = soundfile.info(path)
    assert (sound.samplerate, sound.channels) == (16000, 1) and sound.frames > 0


def is_text(pattern: str) -> Callable[[Path], None]:
    """Lines that all match a pattern."""

    def check(path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines and all(re.fullmatch(pattern, line) for line in lines)

    return check


def is_self_contained_page(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    tags: list[tuple[str, dict[str, str | None]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))  # type: ignore[method-assign]
    parser.feed(page)
    links = [a[key] or "" for _, a in tags for key in ("href", "src", "xlink:href", "srcset") if key in a]
    ids = [a["id"] for _, a in tags if "id" in a]
    policies = [a["content"] or "" for _, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert all(link.startswith(("#", "data:")) or (path.parent / link).is_file() for link in links)
    assert links and {link[1:] for link in links if link.startswith("#")} <= set(ids) and len(ids) == len(set(ids))
    assert len(policies) == 1 and policies[0].startswith("default-src 'none'")
    assert not {tag for tag, _ in tags} & {"script", "iframe", "object"}
    assert not re.search(r"https?://|//[a-z]|@import|javascript:|\bnan\b|\bNone\b", page)


TURNS = {"utterance_id": "str", "conversation_id": "str", "speaker_id": "str", "partner_id": "str", "start": "float64"}
ERRORS = dict.fromkeys(("words", "substitutions", "deletions", "insertions"), "int64")
CHECKS: dict[str, Callable[[Path], None]] = {
    "cohorts/*/assignments.parquet": table(ASSIGNMENT_COLUMNS),
    "data/cohort_inputs/attribute.parquet": table(IDENTIFIERS | {"gender": "str", "age_band": "str"}, others="str"),
    "data/cohort_inputs/automatic.parquet": table(IDENTIFIERS, others="float32"),
    "data/cohort_inputs/geodemographic.parquet": table(IDENTIFIERS | {"percent_white": "float64"}, others="float64"),
    "data/cohort_inputs/slices.parquet": table(IDENTIFIERS | {"gender": "str"}, others="str float64"),
    "data/cohort_inputs/geographic.parquet": table(IDENTIFIERS | {"latitude": "float64", "longitude": "float64"}),
    "data/conversations/*/audio/*.wav": is_audio,
    "data/conversations/*/cuts.jsonl": is_json_lines,
    "data/conversations/*/turns.parquet": table(TURNS, others="str float64"),
    "data/corpus/audio/*.flac": is_audio,
    "data/corpus/*.jsonl": is_json_lines,
    "data/corpus/speakers.parquet": table(
        {"speaker_id": "str", "split": "str", "weight": "float64"}, others="str float64"
    ),
    "data/corpus/zips.parquet": table({"zip": "str", "latitude": "float64"}, others="int64 float64"),
    "data/cuts/*.jsonl": is_json_lines,
    "data/embeddings/*.parquet": table(IDENTIFIERS | {"vector": "object"}),
    "data/features/*/*.lca": lambda path: None,  # read through the cuts below
    "*/tokens.txt": is_text(r"<[\w-]+>|\S"),
    "data/truth/planted.parquet": table({"speaker_id": "str", "dialect": "str", "rare": "bool"}),
    "data/sound.parquet": table({"utterance_id": "str", "non_finite": "int64"}, others="float64"),
    "data/utterances.parquet": table(METADATA_COLUMNS, others="str float64"),
    "data/validated.txt": is_text(r"\d+ expectations were checked"),
    "models/*.loss.tsv": is_curve,
    "models/*.safetensors": is_weights,
    "re*/*/fairness.json": is_document,
    "reports/*.html": is_self_contained_page,
    "reports/verification/*/cohorts.parquet": table(
        {"rule": "str", "cohort": "str"}, others="str bool int64 float64 object"
    ),
    "results/multitalker/*/overlap-*.json": is_document,
    "results/multitalker/*/*-heard.parquet": table(
        {"conversation_id": "str", "channel": "int64", "word": "str", "start": "float64"}, others="int64 float64"
    ),
    "results/multitalker/*/*.parquet": table(TURNS | ERRORS, others="str float64"),
    "results/asr/base/last_tokens.parquet": table({"utterance_id": "str", "last_token_s": "float64"}),
    "results/asr/*/utterances.parquet": table(METADATA_COLUMNS | RESULT_COLUMNS, others="str float64"),
    "results/speaker/*/trials*.txt": is_text(r"[01] \S+ \S+"),
    "results/speaker/*/trials.parquet": table(TRIALS, others="str float64"),
    "*.json": is_json,
}
"""Pattern of paths -> what such a file must be; the first that matches counts, and every file has to match one."""


def test_every_output_parses_as_what_it_is(micro):
    seen = set()
    for path in micro.outputs():
        name = path.relative_to(micro.root).as_posix()
        pattern = next((pattern for pattern in CHECKS if fnmatchcase(name, pattern)), None)
        assert pattern is not None, f"no check for {name}"
        CHECKS[pattern](path)
        seen.add(pattern)
    assert seen == set(CHECKS)
    is_json(micro.root / "reports/provenance.json")


@pytest.mark.parametrize("split", SPLITS)
def test_the_cuts_of_a_split_are_its_rows_and_have_features(micro, split, monkeypatch):
    from lhotse import CutSet

    utterances = pd.read_parquet(micro.root / "data/utterances.parquet").set_index("utterance_id")
    cuts = list(CutSet.from_jsonl(micro.root / f"data/cuts/{split}.jsonl"))
    assert {cut.id for cut in cuts} == set(utterances.index[utterances["split"] == split])
    monkeypatch.chdir(micro.root)
    for cut in cuts[:5]:
        features_TF = cut.load_features()
        assert features_TF.shape == (cut.num_frames, 40) and np.isfinite(features_TF).all()
        assert cut.supervisions[0].text == utterances["ref"][cut.id]


def test_every_rule_found_cohorts_for_every_utterance(micro):
    utterances = pd.read_parquet(micro.root / "data/utterances.parquet")
    for folder in (micro.root / "cohorts").glob("*/"):
        assignments = pd.read_parquet(folder / "assignments.parquet")
        assert set(assignments["utterance_id"]) == set(utterances["utterance_id"])
        assert assignments["cohort"].nunique() >= 2, folder.name


def test_the_recogniser_knows_some_words(micro):
    base = pd.read_parquet(micro.root / "results/asr/base/utterances.parquet")
    errors = base["substitutions"] + base["deletions"] + base["insertions"]
    assert 0.1 < errors.sum() / base["words"].sum() < 0.9
    assert base["hyp"].nunique() > 5 and set(base["split"]) == {"discovery", "dev", "test"}


def test_metrics_are_the_figures_of_the_results(micro):
    metrics = json.loads((micro.root / "metrics.json").read_text())["asr"]
    cost = json.loads((micro.root / "results/asr/base/cost.json").read_text())
    assert metrics["base"]["encoder_parameters"] == cost["parameters"]["encoder"]
    for system in ("base", "ewc", "cohort_input"):
        results = pd.read_parquet(micro.root / f"results/asr/{system}/utterances.parquet").query("split == 'test'")
        errors = results["substitutions"] + results["deletions"] + results["insertions"]
        wer = (results["weight"] * errors).sum() / (results["weight"] * results["words"]).sum()
        assert metrics[system]["wer"] == pytest.approx(wer, abs=1e-6)
