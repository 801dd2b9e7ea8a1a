"""Padding is invisible: neither an output that counts nor a gradient knows what stands in it, for every encoder."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

RUBBISH = [float("nan"), float("inf"), 1e4]


def padded(case, lengths, rubbish):
    """Utterances of such lengths in one batch, rubbish after each: (B, T, F) and the utterances alone."""
    alone = [case.features(1, frames) for frames in lengths]
    batch_BTF = torch.full((len(lengths), max(lengths) + 3, alone[0].shape[2]), rubbish)
    for row, features_BTF in enumerate(alone):
        batch_BTF[row, : lengths[row]] = features_BTF[0]
    return batch_BTF, alone


@settings(max_examples=8, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4), rubbish=st.sampled_from(RUBBISH))
def test_a_batch_gives_what_its_utterances_give_alone(case, lengths, rubbish):
    model = case.build()
    batch_BTF, alone = padded(case, lengths, rubbish)
    with torch.no_grad():
        encoded_BTD, lengths_B = model(batch_BTF, torch.tensor(lengths))
        for row, features_BTF in enumerate(alone):
            expected_BTD, expected_B = model(features_BTF, torch.tensor([lengths[row]]))
            assert lengths_B[row] == expected_B[0] == expected_BTD.shape[1]
            torch.testing.assert_close(encoded_BTD[row, : lengths_B[row]], expected_BTD[0], rtol=1e-4, atol=1e-5)


def weighted_sum(encoded_BTD, lengths_B):
    """A loss over the frames that count."""
    weights_D = torch.linspace(-1.0, 2.0, encoded_BTD.shape[2])
    return sum((encoded_BTD[row, :frames] * weights_D).square().sum() for row, frames in enumerate(lengths_B.tolist()))


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_the_gradient_of_a_batch_is_the_sum_of_those_of_its_utterances(case, rubbish):
    model = case.build()
    model.train()
    for module in model.modules():  # the same loss with and without neighbours needs the noise of training off
        if hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.dropout = 0.0
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if hasattr(module, "noise"):
            module.noise = 0.0
    lengths = [31, 5, 18]
    batch_BTF, alone = padded(case, lengths, rubbish)
    weighted_sum(*model(batch_BTF, torch.tensor(lengths))).backward()
    together = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    for features_BTF, frames in zip(alone, lengths, strict=True):
        weighted_sum(*model(features_BTF, torch.tensor([frames]))).backward()
    for name, parameter in model.named_parameters():
        assert together[name].isfinite().all(), name
        scale = parameter.grad.abs().max().item()
        torch.testing.assert_close(together[name], parameter.grad, rtol=1e-3, atol=1e-5 * max(scale, 1.0), msg=name)
