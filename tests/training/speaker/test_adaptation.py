"""Training goes on under a mitigation: to the same bytes where it is interrupted, and from the base as it was."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from isogloss.config import Params, SpeakerParams, VerificationParams
from isogloss.errors import ModelError, TableError
from isogloss.speakers import load_speaker_encoder
from isogloss.training import adapt_speaker
from isogloss.training.adapt_speaker import _setting, adapt_speaker_encoder
from isogloss.training.adaptation import Adaptation
from isogloss.training.speaker import train_speaker_encoder

ROOT = Path(__file__).parents[3]
BASE = SpeakerParams(embedding_dim=8, epochs=1, speakers_per_batch=12, crop_seconds=0.3)
OPTIONS = VerificationParams(epochs=3, clusters=3, refresh_epochs=2)


@pytest.fixture(scope="module")
def base(prepared, tmp_path_factory):
    data, utterances = prepared
    folder = tmp_path_factory.mktemp("models")
    train_speaker_encoder(BASE, data=data, output=folder / "base")
    number = utterances["speaker_id"].str[1:].astype(int)
    return folder / "base", utterances.assign(gender=np.where(number % 3 == 0, "female", "male"))


def adapt(method, prepared, base, output, options=OPTIONS):
    params = Params(verification=options, speaker=BASE)
    adapt_speaker_encoder(method, params, data=prepared[0], base=base[0], utterances=base[1], output=output)
    files = [output / file for file in ("model.safetensors", "head.safetensors")]
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


@pytest.mark.parametrize("method", ["continued", "group_balanced", "group_dro"])
def test_a_method_changes_the_encoder_and_writes_it(prepared, base, tmp_path, method):
    adapt(method, prepared, base, tmp_path / method, OPTIONS.model_copy(update={"epochs": 1}))
    before, after = load_speaker_encoder(base[0]), load_speaker_encoder(tmp_path / method)
    assert any(
        not np.array_equal(p.detach(), q.detach()) for p, q in zip(before.parameters(), after.parameters(), strict=True)
    )
    assert (tmp_path / f"{method}.loss.tsv").exists()


def test_a_killed_reweighting_ends_with_the_same_bytes(prepared, base, tmp_path, monkeypatch):
    undisturbed = adapt("arw_pairwise", prepared, base, tmp_path / "undisturbed")
    step = Adaptation.training_step

    def dies(self, batch, number):
        if self.current_epoch == 1:  # between two refreshes of the clusters
            raise KeyboardInterrupt
        return step(self, batch, number)

    monkeypatch.setattr(Adaptation, "training_step", dies)
    with pytest.raises(KeyboardInterrupt):
        adapt("arw_pairwise", prepared, base, tmp_path / "killed")
    monkeypatch.setattr(Adaptation, "training_step", step)
    assert adapt("arw_pairwise", prepared, base, tmp_path / "killed") == undisturbed


def test_the_key_covers_what_the_stage_computes_with(prepared, base, tmp_path, monkeypatch):
    def training_key(stage, params, files, code):
        covered.extend(path.name for path in code)
        raise InterruptedError

    covered = []
    monkeypatch.setattr(adapt_speaker, "training_key", training_key)
    with pytest.raises(InterruptedError):
        adapt("continued", prepared, base, tmp_path / "x")
    deps = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]["mitigate_speaker"]["do"]["deps"]
    packages = {Path(dep).name for dep in deps if dep.startswith("src/isogloss/")}
    assert packages - {"checks.py", "frontend", "tables.py", "weights.py"} == set(covered)


def test_a_speaker_has_one_group_what_all_known_utterances_agree_on():
    ids, speakers = list("abcdefgh"), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    table = pd.DataFrame(
        {"utterance_id": ids, "gender": ["female", None, "male", "male", "male", "female", None, None]}
    ).sample(frac=1.0, random_state=1)
    speech = SimpleNamespace(ids=ids, speaker_of=speakers, speakers=list("uvwx"))
    setting = _setting(speech, table, "gender", lambda: None)
    assert setting.utterances["cohort"].tolist() == [*["female"] * 2, *["male"] * 2, *["unspecified"] * 4]
    assert setting.cohorts == ["female", "male", "unspecified"]


def test_a_missing_attribute_is_one_sentence(prepared, base, tmp_path):
    with pytest.raises(TableError, match="column 'accent' is missing"):
        adapt("group_dro", prepared, base, tmp_path / "x", OPTIONS.model_copy(update={"attribute": "accent"}))


def test_brought_embeddings_cannot_be_adapted(prepared, base, tmp_path):
    (tmp_path / "model.json").write_text('{"embeddings": "other.parquet"}')
    with pytest.raises(ModelError, match="brought from elsewhere"):
        adapt("continued", prepared, (tmp_path, base[1]), tmp_path / "x")
