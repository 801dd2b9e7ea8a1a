"""The registry of encoders: names, sizes, sections of params, lengths and numeric types."""

import inspect

import pytest
import torch

from isogloss.config import Params
from isogloss.config.components import EncoderComponent
from isogloss.config.registry import implementation
from isogloss.errors import ParamsError
from isogloss.recognizers.transducer import build_encoder
from isogloss.recognizers.transducer.encoders import encoder_names, encoder_options


def parameters(name, size, filters):
    return sum(p.numel() for p in build_encoder(name, input_dim=filters, **encoder_options(name, size)).parameters())


@pytest.mark.parametrize("name", encoder_names())
def test_the_small_size_is_the_default_of_the_encoders_section(name):
    assert encoder_options(name) == getattr(Params(), name).model_dump()


@pytest.mark.parametrize("name", encoder_names())
def test_an_encoder_takes_just_the_options_that_it_declares(name):
    taken = set(inspect.signature(implementation(EncoderComponent, name)).parameters)
    assert taken == {"input_dim", *encoder_options(name)}


@pytest.mark.parametrize("name", encoder_names())
def test_small_encoders_have_as_many_parameters_as_the_lstm_within_five_percent(name):
    assert parameters(name, "small", 40) == pytest.approx(parameters("lstm", "small", 40), rel=0.05)


@pytest.mark.parametrize("name", encoder_names())
def test_the_published_size_can_be_built_and_is_larger(name):
    with torch.device("meta"):
        published = parameters(name, "published", 80)
    assert published > 10 * parameters(name, "small", 40)


@pytest.mark.parametrize("frames", [1, 2, 3, 7, 8, 9, 31])
def test_as_many_frames_come_out_as_the_lengths_say(case, frames):
    model = case.build()
    with torch.no_grad():
        encoded_BTD, lengths_B = model(case.features(1, frames), torch.tensor([frames]))
    expected = -(-frames // case.options["subsampling"])
    assert encoded_BTD.shape == (1, expected, model.output_dim)
    assert lengths_B.tolist() == [expected] == model.output_lengths(torch.tensor([frames])).tolist()


def test_dropout_acts_in_training_alone(case):
    model, features_BTF, lengths_B = case.build(), case.features(1, 40), torch.tensor([40])
    torch.testing.assert_close(model(features_BTF, lengths_B)[0], model(features_BTF, lengths_B)[0], rtol=0, atol=0)
    model.train()
    assert not torch.equal(model(features_BTF, lengths_B)[0], model(features_BTF, lengths_B)[0])


def test_bfloat16_comes_near_to_float32(case):
    model = case.build()
    features_BTF = case.features(2, 60)
    lengths_B = torch.tensor([60, 41])
    with torch.no_grad():
        exact_BTD, _ = model(features_BTF, lengths_B)
        rough_BTD, _ = model.bfloat16()(features_BTF.bfloat16(), lengths_B)
    assert rough_BTD.dtype == torch.bfloat16
    assert (rough_BTD[0].float() - exact_BTD[0]).norm() < 0.1 * exact_BTD[0].norm()


def test_an_unknown_encoder_is_refused_with_the_nearest_name():
    with pytest.raises(ParamsError, match="did you mean 'lstm'"):
        build_encoder("lstmm", input_dim=40)
