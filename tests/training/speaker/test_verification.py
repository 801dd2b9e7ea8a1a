"""The whole of `evaluate_speaker` and `report_speaker` on made-up voices, against scores worked out here."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from isogloss.config import Params
from isogloss.errors import TableError
from isogloss.inference.embed import embed_utterances
from isogloss.inference.verify import evaluate_verifier
from isogloss.judging.verification import equal_error_rate, read_list
from isogloss.judging.verification.study import cohort_labels
from isogloss.report.verifier import report_verifier
from isogloss.speakers import new_speaker_encoder, save_speaker_encoder
from isogloss.tables import write_json, write_parquet

PARAMS = Params.model_validate(
    {
        "cohorts": {"rules": ["geographic"]},
        "mitigation": {"rule": "geographic"},
        "speaker": {"encoders": ["base"]},
        "verification": {"methods": ["continued"], "attributes": ["gender"]},
        "statistics": {"resamples": 200, "min_speakers": 2},
        "privacy": {"min_speakers": 2},
    }
)


def summary_entry(cohort: str, label: str) -> dict:
    """What summary.json says of a cohort."""
    return {"cohort": cohort, "label": label, "wer_rank": 1, "discovery": {"speakers": 4, "wer": 0.1}}


@pytest.fixture
def repository(prepared, tmp_path):
    """Two encoders, one that is untrained and one that is another; cohorts by the number of the speaker."""
    data, utterances = prepared
    shutil.copytree(data, tmp_path / "data")
    number = utterances["speaker_id"].str[1:].astype(int)
    metadata = utterances.assign(
        gender=np.where(number % 2 == 0, "female", "male"),
        recording_id=utterances["utterance_id"],
        weight=1.0,
        ref="a",
        words=1,
        duration_s=0.5,
        **dict.fromkeys(("latitude", "longitude", "age"), np.nan),
        **dict.fromkeys(("zip", "accent"), None),
    )
    write_parquet(metadata, tmp_path / "data/utterances.parquet")
    encoders = {name: encoder(seed) for seed, name in enumerate(("base", "continued"))}
    for name, model in encoders.items():
        save_speaker_encoder(model, tmp_path / "models/speaker" / name)
    before = embed_utterances(encoders["base"], utterances, data=data, threads=1)
    write_parquet(before, tmp_path / "data/embeddings/speaker.parquet")
    cohort = np.where(number % 4 < 2, "geo-001", "geo-002")
    assigned = utterances[["utterance_id", "speaker_id"]].assign(cohort=cohort, wer_rank=1)
    write_parquet(assigned, tmp_path / "cohorts/geographic/assignments.parquet")
    cohorts = [summary_entry(name, f"region {name[-1]}") for name in ("geo-001", "geo-002")]
    summary = {"rule": "geographic", "cohorts": cohorts, "worst": ["geo-001", "geo-002"]}
    write_json(summary, tmp_path / "cohorts/geographic/summary.json")
    return tmp_path, metadata, encoders


def encoder(seed):
    torch.manual_seed(seed)
    return new_speaker_encoder("small", input_dim=20, embedding_dim=8).eval()


def test_both_verifiers_are_scored_on_the_same_trials_and_compared(repository):
    root, metadata, encoders = repository
    document = evaluate_verifier("continued", PARAMS, root)
    folder = root / "results/speaker/continued"
    trials = pd.read_parquet(folder / "trials.parquet")
    people = metadata.set_index("utterance_id")
    test = people[people["split"] == "test"]
    assert set(trials["enrol_id"]) | set(trials["test_id"]) == set(test.index)
    for column, name, figure in (("score_before", "base", "before"), ("score", "continued", "after")):
        table = embed_utterances(encoders[name], metadata, data=root / "data", threads=1)
        vectors = dict(zip(table["utterance_id"], table["vector"], strict=True))
        cosines = [float(vectors[a] @ vectors[b]) for a, b in zip(trials["enrol_id"], trials["test_id"], strict=True)]
        np.testing.assert_allclose(trials[column], cosines, atol=1e-5)
        same = trials["enrol_id"].map(people["speaker_id"]) == trials["test_id"].map(people["speaker_id"])
        assert getattr(document.overall, figure) == pytest.approx(equal_error_rate(trials[column], same))
    for grouping, cohorts in (("geographic", {"region 1", "region 2"}), ("gender", {"female", "male"})):
        assert {cohort.label for cohort in document.grouping(grouping).cohorts} == cohorts
        assert {f"trials.{side}-{grouping}.txt" for side in ("same", "other")} <= {p.name for p in folder.iterdir()}
    assert len(read_list(folder / "trials.txt")) == len(trials)
    assert json.loads((folder / "fairness.json").read_text()) == document.content()


def test_the_report_says_of_each_cohort_what_its_trials_say(repository):
    root, metadata, _ = repository
    evaluate_verifier("continued", PARAMS, root)
    folder = report_verifier("continued", root)
    assert folder == root / "reports/verification/continued"
    assert "continued" in (folder / "audit.html").read_text()
    document = json.loads((folder / "fairness.json").read_text())
    assert document == json.loads((root / "results/speaker/continued/fairness.json").read_text())
    trials = pd.read_parquet(root / "results/speaker/continued/trials.parquet")
    gender = metadata.drop_duplicates("speaker_id").set_index("speaker_id")["gender"]
    by_gender = next(one for one in document["groupings"] if one["name"] == "gender")
    for cohort in by_gender["cohorts"]:
        inside = trials["enrol_speaker"].map(gender).eq(cohort["label"]) & trials["test_speaker"].map(gender).eq(
            cohort["label"]
        )
        for column, figure in (("score_before", "before"), ("score", "after")):
            expected = equal_error_rate(trials[column][inside], trials["target"][inside])
            assert cohort[figure] == pytest.approx(expected)


def test_a_document_of_another_verifier_is_refused_and_nothing_written(repository):
    root, _, _ = repository
    evaluate_verifier("continued", PARAMS, root)
    path = root / "results/speaker/continued/fairness.json"
    write_json({**json.loads(path.read_text()), "systems": ["base", "arw"]}, path)
    with pytest.raises(TableError, match="is of base and arw, but base and continued belong here"):
        report_verifier("continued", root)
    assert not (root / "reports").exists()


def test_cohorts_that_share_a_label_keep_their_own_names(tmp_path):
    cohorts = [summary_entry(name, label) for name, label in (("1", "coast"), ("2", "coast"), ("3", "plain"))]
    (tmp_path / "region").mkdir()
    write_json({"rule": "region", "cohorts": cohorts, "worst": ["1", "2", "3"]}, tmp_path / "region/summary.json")
    assert cohort_labels(tmp_path, ["region"], ["gender"]) == {"region": {"3": "plain"}, "gender": {}}
