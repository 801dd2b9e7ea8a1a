"""The transducer on disk: what is read is what was written, and what does not fit is refused."""

import json

import pytest
import torch
from safetensors.torch import load_file

from isogloss.errors import ModelError
from isogloss.recognizers.transducer import Transducer, load_transducer, save_transducer


def small_transducer(**changes):
    torch.manual_seed(0)
    options = {
        "encoder": "lstm",
        "encoder_options": {"channels": 4, "hidden_dim": 16, "layers": 1},
        "input_dim": 20,
        "vocabulary": 7,
        "predictor_dim": 8,
        "joiner_dim": 12,
    }
    return Transducer(**{**options, **changes})


def test_a_saved_model_encodes_as_before(tmp_path):
    model = small_transducer().eval()
    model.feature_mean_F.fill_(0.5)
    save_transducer(model, tmp_path / "model", beside={"fisher": torch.ones(2)})
    again = load_transducer(tmp_path / "model")
    features_BTF, lengths_B = torch.randn(2, 9, 20), torch.tensor([9, 5])
    assert torch.equal(model.encode(features_BTF, lengths_B)[0], again.encode(features_BTF, lengths_B)[0])
    assert load_file(tmp_path / "model" / "mitigation.safetensors")["fisher"].tolist() == [1.0, 1.0]


def test_the_same_model_is_saved_as_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save_transducer(small_transducer(), tmp_path / name)
    for file in ("model.safetensors", "model.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_weights_of_another_shape_are_refused(tmp_path):
    save_transducer(small_transducer(), tmp_path / "model")
    configuration = json.loads((tmp_path / "model" / "model.json").read_text())
    (tmp_path / "model" / "model.json").write_text(json.dumps({**configuration, "joiner_dim": 13}))
    with pytest.raises(ModelError, match="does not fit"):
        load_transducer(tmp_path / "model")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.9])
def test_weights_that_are_cut_short_are_one_sentence(tmp_path, share):
    save_transducer(small_transducer(), tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(ModelError, match=r"^[^\n]*model\.safetensors is no file of weights, or not a whole one[^\n]*$"):
        load_transducer(tmp_path / "model")


def test_the_predictor_steps_through_a_text_as_it_reads_it_whole():
    predictor = small_transducer().predictor.eval()
    tokens_BU = torch.tensor([[3, 1, 4, 1], [5, 2, 6, 5]])
    whole_BUP = predictor(tokens_BU)
    vector_BP, state = predictor.start(2)
    vectors = [vector_BP]
    for position in range(4):
        vector_BP, state = predictor.step(tokens_BU[:, position], state)
        vectors.append(vector_BP)
    torch.testing.assert_close(torch.stack(vectors, dim=1), whole_BUP)
