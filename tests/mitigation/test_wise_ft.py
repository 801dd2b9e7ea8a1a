"""Weights between base and fine-tuned: exact at both ends, straight between them, chosen by dev."""

import pytest
import torch
from torch import nn

from isogloss.mitigation.strategy import DevRates
from isogloss.mitigation.wise_ft import WiseFt, WiseFtParams


class Line(nn.Module):
    """A model with one weight, whose error rates on dev are functions of it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.1]))


def settled(shares, *, overall, worst, margin=0.02):
    mitigation, model = WiseFt(WiseFtParams(shares=shares, margin=margin)), Line()
    mitigation.start(model, None, [])
    with torch.no_grad():
        model.weight.fill_(0.7)
    mitigation.settle(model, lambda m: DevRates(overall(float(m.weight)), worst(float(m.weight))))
    return mitigation, model


@pytest.mark.parametrize(("share", "weight"), [(0.0, 0.1), (1.0, 0.7)])
def test_both_ends_are_the_base_and_the_fine_tuned_weights_bit_for_bit(share, weight):
    mitigation, model = settled([share], overall=lambda w: 0.1, worst=lambda w: 0.2)
    assert mitigation.share == share and torch.equal(model.weight, torch.tensor([weight]))


def test_weights_between_lie_on_the_straight_line():
    _, model = settled([0.25], overall=lambda w: 0.1, worst=lambda w: 0.2)
    assert float(model.weight) == pytest.approx(0.1 + 0.25 * 0.6)


def test_the_share_serves_the_worst_best_among_those_that_keep_the_rest():
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    mitigation, model = settled(shares, overall=lambda w: 0.10 + 0.01 * max(0, w - 0.5), worst=lambda w: 0.5 - 0.3 * w)
    assert mitigation.share == 1.0  # the overall rate rises by 2 % of itself at the most
    mitigation, model = settled(shares, overall=lambda w: 0.10 + 0.1 * max(0, w - 0.5), worst=lambda w: 0.5 - 0.3 * w)
    assert mitigation.share == 0.5 and float(model.weight) == pytest.approx(0.4)


def test_where_no_share_keeps_the_rest_the_one_that_costs_least_is_taken():
    mitigation, _ = settled([0.5, 1.0], overall=lambda w: w, worst=lambda w: 0.5 - 0.3 * w)
    assert mitigation.share == 0.5


class Normalised(Line):
    """A model with statistics beside its weight, as batch normalisation has them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([1.0]))
        self.register_buffer("batches", torch.tensor(3))


@pytest.mark.parametrize(("share", "mean"), [(0.0, 1.0), (0.5, 2.0), (1.0, 3.0)])
def test_statistics_that_training_has_changed_are_averaged_too(share, mean):
    mitigation, model = WiseFt(WiseFtParams(shares=[share])), Normalised()
    mitigation.start(model, None, [])
    model.mean.fill_(3.0)
    model.batches.fill_(4)
    mitigation.settle(model, lambda _: DevRates(0.1, 0.2))
    assert float(model.mean) == mean and int(model.batches) == 4


def test_dev_may_move_the_model_to_another_device():
    mitigation, model = WiseFt(WiseFtParams(shares=[0.5])), Line()
    mitigation.start(model, None, [])

    def dev(moved):
        moved.to("meta")  # as `decode_cuts` moves it to an accelerator, after Lightning has left it on the CPU
        return DevRates(0.1, 0.2)

    mitigation.settle(model, dev)
    assert model.weight.device.type == "meta" and mitigation.share == 0.5


def test_the_whole_path_is_kept():
    mitigation, _ = settled([0.5, 1.0], overall=lambda w: w, worst=lambda w: 2 * w)
    curve = mitigation.tensors()["curve"]
    torch.testing.assert_close(curve[:, 0], torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
    torch.testing.assert_close(curve[:, 2], 2 * curve[:, 1])
