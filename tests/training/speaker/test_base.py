"""From prepared data to a speaker encoder and embeddings: voices that differ are told apart, a killed run goes on."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isogloss.config import Params, SpeakerParams
from isogloss.errors import TableError
from isogloss.inference.embed import bring_embeddings, embed_utterances
from isogloss.training.speaker import SpeakerTraining, train_speaker_encoder

STAGE = Path(__file__).parents[3] / "stages" / "train_speaker.py"
PARAMS = SpeakerParams(embedding_dim=16, epochs=3, speakers_per_batch=12, crop_seconds=0.3, learning_rate=1e-2)


def separation(table):
    """Mean cosine of pairs of one speaker minus that of pairs of two."""
    vectors, speakers = np.stack(table["vector"].to_list()), table["speaker_id"].to_numpy()
    cosines = vectors @ vectors.T
    same = speakers[:, None] == speakers[None]
    return cosines[same & ~np.eye(len(same), dtype=bool)].mean() - cosines[~same].mean()


@pytest.mark.parametrize("loss", ["angular_prototypical", "aam_softmax"])
def test_training_pulls_the_voices_of_unseen_speakers_apart(prepared, tmp_path, loss):
    data, utterances = prepared
    params = PARAMS.model_copy(update={"loss": loss, "epochs": 12})
    model = train_speaker_encoder(params, data=data, output=tmp_path / "base")
    table = embed_utterances(model, utterances, data=data, threads=1)
    assert table["utterance_id"].tolist() == utterances["utterance_id"].tolist()
    np.testing.assert_allclose(np.linalg.norm(np.stack(table["vector"].to_list()), axis=1), 1.0, rtol=1e-5)
    assert separation(table[table["split"] == "train"]) > 0.4
    assert separation(table[table["split"] == "test"]) > 0.2
    assert (tmp_path / "base.loss.tsv").exists()
    assert not list((tmp_path / "checkpoints").glob("*/*"))


def test_a_killed_training_ends_with_the_same_bytes(prepared, tmp_path, monkeypatch):
    data, _ = prepared

    def trained(name):
        train_speaker_encoder(PARAMS, data=data, output=tmp_path / name)
        files = [tmp_path / name / file for file in ("model.safetensors", "head.safetensors")]
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]

    undisturbed = trained("undisturbed")
    step = SpeakerTraining.training_step

    def dies(self, batch, number):
        if self.current_epoch == 2:
            raise KeyboardInterrupt
        return step(self, batch, number)

    monkeypatch.setattr(SpeakerTraining, "training_step", dies)
    with pytest.raises(KeyboardInterrupt):
        trained("killed")
    assert not (tmp_path / "killed").exists()
    monkeypatch.setattr(SpeakerTraining, "training_step", step)
    assert trained("killed") == undisturbed


def test_the_checkpoints_stay_until_the_embeddings_are_written(prepared, tmp_path, monkeypatch):
    data, utterances = prepared
    spec = importlib.util.spec_from_file_location("train_speaker", STAGE)
    stage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stage)
    monkeypatch.setattr(stage, "DATA", data)
    monkeypatch.setattr(stage, "MODELS", tmp_path)
    monkeypatch.setattr(stage, "load_params", lambda: Params(speaker=PARAMS))
    monkeypatch.setattr(stage, "read_parquet", lambda *_: utterances)
    monkeypatch.setattr(stage, "embed_utterances", raises(MemoryError))
    with pytest.raises(MemoryError):
        stage.main("base")
    before = (tmp_path / "base" / "model.safetensors").read_bytes()
    monkeypatch.setattr(stage, "embed_utterances", embed_utterances)
    monkeypatch.setattr(SpeakerTraining, "training_step", raises(AssertionError))  # nothing is trained again
    stage.main("base")
    assert (tmp_path / "base" / "model.safetensors").read_bytes() == before
    assert len(pd.read_parquet(data / "embeddings" / "speaker.parquet")) == len(utterances)
    assert not list((tmp_path / "checkpoints").glob("*/*"))


def raises(error):
    def function(*_, **__):
        raise error

    return function


def brought(folder, utterances, change=lambda table: table):
    """A file of embeddings, made wrong by `change`."""
    vectors = [np.arange(1.0, 4.0) + number for number in range(len(utterances))]
    table = pd.DataFrame({"utterance_id": utterances["utterance_id"][::-1].to_numpy(), "vector": vectors})
    change(table).to_parquet(folder / "brought.parquet")
    return folder / "brought.parquet"


def test_brought_embeddings_are_put_in_the_order_of_the_table(prepared, tmp_path):
    _, utterances = prepared
    table = bring_embeddings(brought(tmp_path, utterances), utterances)
    assert table["utterance_id"].tolist() == utterances["utterance_id"].tolist()
    first = np.arange(1.0, 4.0) + len(utterances) - 1
    np.testing.assert_allclose(table["vector"][0], first / np.linalg.norm(first), rtol=1e-6)


def with_vector(vector):
    def change(table):
        table["vector"] = [*table["vector"][:-1], np.array(vector)]
        return table

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.iloc[3:], "3 of 120 utterances have no vector"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "several vectors"),
        (lambda t: t.rename(columns={"vector": "vectors"}), "did you mean 'vectors'"),
        (lambda t: t.assign(vector="a"), "no list of numbers"),
        (with_vector([1.0, 2.0]), "has the shape"),
        (with_vector([1.0, np.nan, 2.0]), "not finite"),
        (with_vector([0.0, 0.0, 0.0]), "no direction"),
    ],
)
def test_a_mistake_in_brought_embeddings_is_one_sentence(prepared, tmp_path, change, sentence):
    _, utterances = prepared
    with pytest.raises(TableError, match=sentence) as caught:
        bring_embeddings(brought(tmp_path, utterances, change), utterances)
    assert "\n" not in str(caught.value)


def test_another_file_than_the_digest_says_is_refused(prepared, tmp_path):
    _, utterances = prepared
    path = brought(tmp_path, utterances)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    bring_embeddings(path, utterances, sha256=digest)
    with pytest.raises(TableError, match="embeddings_sha256"):
        bring_embeddings(path, utterances, sha256="0" * 64)
