"""The Fisher information against closed forms and against gradients taken one utterance at a time."""

import pytest
import torch
from torch import nn

from isogloss.errors import ModelError
from isogloss.mitigation import diagonal_fisher


def squared_error(model, batch):
    inputs, targets = batch
    return ((model(inputs) - targets) ** 2).sum(dim=1)


def test_fisher_of_a_linear_model_is_its_closed_form():
    torch.manual_seed(0)
    model = nn.Linear(3, 2, bias=False).double()
    x, y = torch.randn(11, 3).double(), torch.randn(11, 2).double()
    residual = x @ model.weight.detach().T - y
    expected = ((2 * residual[:, :, None] * x[:, None, :]) ** 2).mean(dim=0)
    found = diagonal_fisher(model, [(x[:4], y[:4]), (x[4:], y[4:])], losses=squared_error)
    torch.testing.assert_close(found["weight"], expected)


def test_fisher_is_not_the_square_of_the_mean_gradient():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    opposite = (torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [-1.0]]))
    assert diagonal_fisher(model, [opposite], losses=squared_error)["weight"].item() == pytest.approx(4.0)


def test_a_parameter_that_the_loss_does_not_reach_has_zero_fisher():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(1, 1), nn.Linear(1, 1)

        def forward(self, x):
            return self.used(x)

    fisher = diagonal_fisher(Unused(), [(torch.ones(2, 1), torch.zeros(2, 1))], losses=squared_error)
    assert fisher["unused.weight"].item() == 0.0 and set(fisher) > {"used.weight", "used.bias"}


def test_no_utterance_is_refused():
    with pytest.raises(ModelError, match="at least one utterance"):
        diagonal_fisher(nn.Linear(1, 1), [], losses=squared_error)
