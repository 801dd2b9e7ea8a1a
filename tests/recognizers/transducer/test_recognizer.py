"""The transducer behind the port: on disk, its parts, what it hears, its losses and its embedding."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from isogloss.config import AsrParams, DecodingParams, Params
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import CorpusError, ModelError, ParamsError
from isogloss.recognizers import load_recognizer, new_recognizer, save_recognizer
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.transducer import TransducerRecognizer
from isogloss.tables import write_json

TOKENS = Tokens.of(["a b", "cde"])


def small_transducer(**changes):
    torch.manual_seed(0)
    options = {
        "encoder": "lstm",
        "encoder_options": {"channels": 4, "hidden_dim": 16, "layers": 1},
        "input_dim": 20,
        "predictor_dim": 8,
        "joiner_dim": 12,
    }
    return TransducerRecognizer(TOKENS, **{**options, **changes})


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return Batch(
        ids=["x", "y"],
        cohorts=["far", ""],
        texts=["a b", "cd"],
        features_BTF=torch.randn(2, 19, 20, generator=generator),
        lengths_B=torch.tensor([19, 12]),
    )


def test_a_saved_model_encodes_as_before(tmp_path):
    model = small_transducer().eval()
    model.feature_mean_F.fill_(0.5)
    save_recognizer(model, tmp_path / "model", beside={"fisher": torch.ones(2)})
    again = load_recognizer(tmp_path / "model")
    features_BTF, lengths_B = torch.randn(2, 9, 20), torch.tensor([9, 5])
    assert torch.equal(model.encode(features_BTF, lengths_B)[0], again.encode(features_BTF, lengths_B)[0])
    assert load_file(tmp_path / "model" / "mitigation.safetensors")["fisher"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_transcribing_yields_the_embedding(batch, method):
    model = small_transducer(cohorts=["far"]).eval()
    found = model.transcribe(batch, DecodingParams(method=method))
    for one, embedding_D in zip(found, model.embed(batch), strict=True):
        torch.testing.assert_close(torch.from_numpy(one.embedding_D), embedding_D)


def test_the_same_model_is_saved_as_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save_recognizer(small_transducer(), tmp_path / name)
    for file in ("model.safetensors", "model.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_weights_of_another_shape_are_refused(tmp_path):
    save_recognizer(small_transducer(), tmp_path / "model")
    configuration = json.loads((tmp_path / "model" / "model.json").read_text())
    (tmp_path / "model" / "model.json").write_text(json.dumps({**configuration, "joiner_dim": 13}))
    with pytest.raises(ModelError, match="does not fit"):
        load_recognizer(tmp_path / "model")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.9])
def test_weights_that_are_cut_short_are_one_sentence(tmp_path, share):
    save_recognizer(small_transducer(), tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(ModelError, match=r"^[^\n]*model\.safetensors is no file of weights, or not a whole one[^\n]*$"):
        load_recognizer(tmp_path / "model")


def test_a_folder_without_its_vocabulary_is_refused(tmp_path):
    save_recognizer(small_transducer(), tmp_path / "model")
    Tokens.of(["ab"]).write(tmp_path / "model" / "tokens.txt")
    with pytest.raises(ModelError, match="has 3 tokens but the model knows 7"):
        load_recognizer(tmp_path / "model")
    (tmp_path / "model" / "tokens.txt").unlink()
    with pytest.raises(ModelError, match=r"has no tokens\.txt"):
        load_recognizer(tmp_path / "model")


def test_a_new_one_is_as_params_describe_it_with_the_statistics_of_the_data(tmp_path):
    TOKENS.write(tmp_path / "tokens.txt")
    write_json({"mean": [0.5] * 8, "scale": [2.0] * 8}, tmp_path / "feature_statistics.json")
    params = Params.model_validate({"asr": {"encoder": "conformer", "joiner_dim": 24}})
    model = new_recognizer(params, tmp_path)
    assert model.configuration["encoder_options"] == params.conformer.model_dump()
    assert (model.configuration["input_dim"], model.configuration["joiner_dim"]) == (8, 24)
    assert model.feature_mean_F.tolist() == [0.5] * 8 and model.feature_scale_F.tolist() == [2.0] * 8
    assert params.conformer in model.base_options(params) and params.lstm not in model.base_options(params)
    assert model.base_epochs(AsrParams(ctc_epochs=2, transducer_epochs=3)) == 5


def test_every_parameter_belongs_to_a_part():
    model = small_transducer(cohorts=["far"])
    parts = {name.partition(".")[0]: model.part(name) for name, _ in model.named_parameters()}
    assert parts == {
        "encoder": "acoustic",
        "encoder_projection": "acoustic",
        "cohort_input": "acoustic",
        "predictor": "language",
        "predictor_projection": "language",
        "output_layer": "other",
        "ctc_layer": "other",
    }


def test_the_loss_of_an_utterance_is_the_same_alone_and_in_a_batch(batch):
    model = small_transducer().eval()
    together = model.losses(batch)
    alone = [model.losses(batch.row(row)) for row in range(2)]
    torch.testing.assert_close(together.loss_B, torch.cat([one.loss_B for one in alone]))
    torch.testing.assert_close(together.embedding_BD, torch.cat([one.embedding_BD for one in alone]))
    assert together.units_B.tolist() == [3, 2]
    assert not together.embedding_BD.requires_grad and together.extra is None


def test_the_embedding_needs_no_transcript_and_is_the_mean_of_the_frames(batch):
    model = small_transducer().eval()
    encoded_BTD, lengths_B = model.encode(batch.features_BTF, batch.lengths_B)
    expected = torch.stack([one[:length].mean(0) for one, length in zip(encoded_BTD, lengths_B, strict=True)])
    silent = Batch(batch.ids, batch.cohorts, ["?", "?"], batch.lengths_B, batch.features_BTF)
    torch.testing.assert_close(model.embed(silent), expected.detach())
    assert model.embed(batch).shape[1] == model.embedding_dim
    torch.testing.assert_close(model.embed(batch), model.losses(batch).embedding_BD)


def test_a_character_that_the_vocabulary_lacks_is_one_sentence(batch):
    strange = Batch(batch.ids, batch.cohorts, ["a", "zebra"], batch.lengths_B, batch.features_BTF)
    with pytest.raises(CorpusError, match="'z' of 'zebra' is not among the tokens"):
        small_transducer().losses(strange)


def test_a_batch_of_audio_is_refused(batch):
    audio = Batch(batch.ids, batch.cohorts, batch.texts, batch.lengths_B, audio_BS=torch.zeros(2, 19))
    with pytest.raises(ModelError, match="hears features"):
        small_transducer().transcribe(audio, DecodingParams())


def test_a_model_that_names_its_kind_is_read_by_it(tmp_path):
    save_recognizer(small_transducer(), tmp_path / "model")
    description = json.loads((tmp_path / "model" / "model.json").read_text())
    assert "kind" not in description
    write_json({"kind": "transducer", **description}, tmp_path / "model" / "model.json")
    assert isinstance(load_recognizer(tmp_path / "model"), TransducerRecognizer)
    write_json({"kind": "transduser", **description}, tmp_path / "model" / "model.json")
    with pytest.raises(ParamsError, match="did you mean 'transducer'"):
        load_recognizer(tmp_path / "model")


def test_a_folder_that_holds_no_model_is_one_sentence(tmp_path):
    with pytest.raises(ModelError, match=r"^[^\n]*holds no recogniser[^\n]*$"):
        load_recognizer(tmp_path)
    with pytest.raises(ModelError, match="holds no recogniser"):
        load_recognizer(Path("nowhere"))
