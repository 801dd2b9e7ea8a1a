"""No output sees the future, and each sees its own frame, for every encoder."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=8, deadline=None)
@given(frames=st.integers(2, 40), data=st.data())
def test_a_changed_future_frame_changes_no_present_output(case, frames, data):
    changed = data.draw(st.integers(1, frames - 1))
    model = case.build()
    features_BTF = case.features(1, frames)
    other_BTF = features_BTF.clone()
    other_BTF[:, changed:] += 5.0
    with torch.no_grad():
        first_BTD, _ = model(features_BTF, torch.tensor([frames]))
        second_BTD, _ = model(other_BTF, torch.tensor([frames]))
    present = (changed + model.subsampling - 1) // model.subsampling
    torch.testing.assert_close(first_BTD[:, :present], second_BTD[:, :present], rtol=1e-4, atol=1e-5)


def test_output_n_depends_on_frame_n_times_the_subsampling_and_on_none_after(case):
    model, output = case.build(), 3
    frames = 6 * model.subsampling
    features_BTF = case.features(1, frames).requires_grad_()
    encoded_BTD, _ = model(features_BTF, torch.tensor([frames]))
    weights_D = torch.linspace(-1.0, 2.0, model.output_dim)  # plain sums of normalised channels are constant
    (encoded_BTD[0, output] * weights_D).sum().backward()
    seen_T = features_BTF.grad[0].abs().sum(dim=1) > 0
    assert seen_T[output * model.subsampling]
    assert not seen_T[output * model.subsampling + 1 :].any()
