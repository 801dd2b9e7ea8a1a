"""The feed-forward block of Transformers and Conformers."""

import torch.nn.functional as F
from torch import Tensor, nn


class FeedForward(nn.Module):
    """Layer norm, a wider layer with Swish, and back (2005.08100, section 2.3); frame by frame, so it streams as it is.

    Parameters
    ----------
    dim
        D.
    hidden_dim
        Units of the wider layer.
    dropout
        After either layer, in training only.
    """

    def __init__(self, dim: int, *, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.input = nn.Linear(dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, dim)
        self.dropout = dropout

    def forward(self, input_XD: Tensor) -> Tensor:
        """Frames in any shape: (..., D) -> (..., D)."""
        hidden_XD = F.dropout(F.silu(self.input(self.norm(input_XD))), self.dropout, self.training)
        return F.dropout(self.output(hidden_XD), self.dropout, self.training)
