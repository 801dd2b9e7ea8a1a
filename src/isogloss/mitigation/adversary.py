"""The adversary of adversarial reweighting: it maps a sample's embedding and cluster to a weight.

Weights are w_i = 1 + s_i / mean(s) with s_i in (0, 1) the adversary's score (after ARL, Lahoti et al. 2020,
2006.13114): at least 1, so that no sample is dropped, and with mean 2 over a batch, so that the loss keeps its scale.
The adversary sees the sample's embedding and the one-hot vector of its cluster (2207.07776), and never the label or the
loss itself: it can only raise the weight of a region of samples that it can describe.

Shapes: B samples, D channels of an embedding, K clusters.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Adversary(nn.Module):
    """A multi-layer perceptron with one hidden layer (our choice), on the embedding and the cluster.

    Parameters
    ----------
    embedding_dim, clusters
        D and K; a sample of no cluster has zeros for its one-hot vector.
    hidden_dim
        Units of the hidden layer; 0 for a linear adversary.
    learning_rate
        Learning rate of its own Adam optimiser.
    """

    def __init__(self, *, embedding_dim: int, clusters: int, hidden_dim: int, learning_rate: float) -> None:
        super().__init__()
        self.clusters = clusters
        inputs = embedding_dim + clusters
        last = nn.Linear(hidden_dim or inputs, 1)
        nn.init.zeros_(last.weight)  # All weights are equal at the start.
        nn.init.zeros_(last.bias)
        hidden = [nn.Linear(inputs, hidden_dim), nn.ReLU()] if hidden_dim else []
        self.scorer = nn.Sequential(*hidden, last)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=learning_rate)

    def forward(self, embedding_BD: Tensor, cluster_B: Tensor) -> Tensor:
        """Weights of a batch, (B,), with mean 2; cluster -1 stands for none."""
        one_hot_BK = F.one_hot(cluster_B.clamp(min=0), max(self.clusters, 1))[:, : self.clusters]
        one_hot_BK = one_hot_BK * (cluster_B >= 0)[:, None]
        seen = torch.cat([F.normalize(embedding_BD, dim=1), one_hot_BK.to(embedding_BD.dtype)], dim=1)
        score_B = torch.sigmoid(self.scorer(seen).squeeze(1))
        return 1.0 + score_B / score_B.mean()

    def ascend(self, embedding_BD: Tensor, cluster_B: Tensor, loss_B: Tensor) -> Tensor:
        """Take one ascent step on the weighted mean of the losses; returns the new weights, (B,), without a graph."""
        objective = (self(embedding_BD, cluster_B) * loss_B.detach()).mean()
        self.optimizer.zero_grad()
        (-objective).backward()
        self.optimizer.step()
        with torch.no_grad():
            return self(embedding_BD, cluster_B)

    def resume_state(self) -> dict[str, object]:
        """The state for the checkpoint: the weights and the optimiser's moments."""
        return {"adversary": self.state_dict(), "optimizer": self.optimizer.state_dict()}

    def resume(self, state: dict[str, dict]) -> None:
        """Restore the state of a checkpoint."""
        self.load_state_dict(state["adversary"])
        self.optimizer.load_state_dict(state["optimizer"])
