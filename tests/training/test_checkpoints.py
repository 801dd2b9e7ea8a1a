"""Files of checkpoints: what went in comes out, and whatever is altered is noticed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from isogloss.errors import ModelError
from isogloss.training.checkpoints import read_checkpoint, write_checkpoint

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))
NESTED = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers() | st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(content=st.dictionaries(st.text(st.characters(codec="utf-8")), NESTED, max_size=4))
def test_plain_data_comes_back_as_it_was_types_and_all(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("checkpoints") / "last.ckpt"
    write_checkpoint(content, path)
    assert repr(read_checkpoint(path)) == repr(content)


def test_tensors_come_back_bit_for_bit_also_views_of_each_other(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    content = {
        "state": {0: {"step": torch.tensor(3.0), "exp_avg": whole.T}, 1: whole[1]},
        "half": torch.tensor([float("nan"), -0.0], dtype=torch.bfloat16),
        "none": torch.empty(0, 2),
        "rng": torch.get_rng_state(),
    }
    write_checkpoint(content, tmp_path / "last.ckpt")
    back = read_checkpoint(tmp_path / "last.ckpt")
    assert torch.equal(back["state"][0]["exp_avg"], whole.T)
    assert torch.equal(back["state"][1], whole[1])
    assert torch.equal(back["half"].view(torch.int16), content["half"].view(torch.int16))
    assert back["none"].shape == (0, 2)
    assert torch.equal(back["rng"], content["rng"])


def test_what_json_does_not_have_is_refused_and_the_file_before_stays(tmp_path):
    write_checkpoint({"epoch": 1}, tmp_path / "last.ckpt")
    with pytest.raises(TypeError, match="cannot hold a set"):
        write_checkpoint({"epoch": {2}}, tmp_path / "last.ckpt")
    assert read_checkpoint(tmp_path / "last.ckpt") == {"epoch": 1}


def test_every_flipped_byte_and_every_cut_is_noticed(tmp_path):
    path = tmp_path / "last.ckpt"
    write_checkpoint({"epoch": 1, "weight": torch.ones(3)}, path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(ModelError, match="is damaged"):
                read_checkpoint(path)
    with pytest.raises(ModelError, match="cannot be read"):
        read_checkpoint(tmp_path / "none")
