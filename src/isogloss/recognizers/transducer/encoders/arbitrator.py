"""The arbitrator of the compute-cost amortized Transformer and its gates (Xie et al. 2022, 2207.02393).

The paper describes the idea: a small module decides for every frame what is computed, it is trained end to end, and the
loss has a weighted term for computation. The gate, its noise and its gradient are our choice.
"""

import torch
from torch import Tensor, nn

OPEN_AT_FIRST = 2.0
"""Initial value of the logits, so that an untrained encoder computes seven eighths of its blocks."""


class Arbitrator(nn.Module):
    """From a frame to two logits, of the gates of the attention block and the feed-forward block.

    Layer norm and one linear layer: 4 D operations a frame, where a layer has about 24 D^2.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.linear = nn.Linear(dim, 2)
        nn.init.constant_(self.linear.bias, OPEN_AT_FIRST)

    def forward(self, input_BTD: Tensor) -> Tensor:
        """Logits of the gates: (B, T, 2). At inference a gate is open where its logit is positive."""
        return self.linear(self.norm(input_BTD))


def sample_gates(logits_BT2: Tensor, *, temperature: float, noise: float = 1.0) -> Tensor:
    """Gates for training: 0 or 1 in the forward pass, with the gradient of a sigmoid.

    Logistic noise joins the logit (the binary Concrete of 1611.00712), the sign decides, and the gradient is that of
    sigmoid((logit + noise) / temperature), passed straight through (1308.3432).

    Parameters
    ----------
    logits_BT2
        From an `Arbitrator`.
    temperature
        The lower, the nearer a logit has to be to zero to get a gradient.
    noise
        Scale of the noise. At 1 a gate is open with probability sigmoid(logit); at 0 gates are those of inference.
    """
    uniform_BT2 = torch.rand_like(logits_BT2).clamp(1e-6, 1.0 - 1e-6)
    soft_BT2 = torch.sigmoid((logits_BT2 + noise * torch.logit(uniform_BT2)) / temperature)
    return (soft_BT2 > 0.5).to(soft_BT2.dtype) + soft_BT2 - soft_BT2.detach()


def threshold_gates(logits_BT2: Tensor, *, temperature: float) -> Tensor:
    """The gates of inference, 0 or 1, with the gradient that `sample_gates` would give them without noise."""
    soft_BT2 = torch.sigmoid(logits_BT2 / temperature)
    return (logits_BT2 > 0).to(soft_BT2.dtype) + (soft_BT2 - soft_BT2.detach())
