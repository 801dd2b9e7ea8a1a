"""Adversarial reweighting of a speaker encoder (Jin et al. 2022, 2207.07776), in the paper's three variants.

An adversary weighs every utterance of a batch from its embedding and its cluster, w_i = 1 + s_i / mean(s); it ascends
and the encoder descends the weighted loss, in turns, each with its own optimiser. A metric loss has no loss of one
sample, so what the weights apply to is the variant:

- `arw_pairwise`: a term is a query and its prototype; its weight is the sum of both weights (that of the prototype is
  the mean over its utterances). The variant that worked best in the paper.
- `arw_accumulated`: every utterance is the query once; its loss accumulates its similarities to all prototypes of the
  batch, his own without the query; its weight is its own.
- `arw_clusters`: clusters are pseudo-labels of groups; a query's weight is the mean weight of its cluster's utterances
  in the batch.

The paper has no public code: the terms are our reading. All three are linear: the weights of the T terms are M w with a
matrix M (T, B) of the variant, so the weighted loss is l' M w, and the adversary sees each utterance's accumulated loss
M' l. Clusters are made anew every `refresh_epochs` epochs.

Shapes: P speakers, Q utterances of each, B = P Q, T terms, K clusters.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from isogloss.config import VerificationParams
from isogloss.errors import ModelError
from isogloss.mitigation.adversary import Adversary
from isogloss.mitigation.speaker.base import SpeakerMitigation, SpeakerSetting, SpeakerStep
from isogloss.mitigation.speaker.clusters import cluster_embeddings
from isogloss.speakers.metric_losses import AngularPrototypical

VARIANTS = ("arw_pairwise", "arw_accumulated", "arw_clusters")
MEAN_WEIGHT = 2.0
"""Of an utterance, by the definition of the weights."""


class SpeakerReweighting(SpeakerMitigation):
    """Min-max training against an adversary that knows no label."""

    def __init__(self, options: VerificationParams, *, variant: str) -> None:
        super().__init__(options)
        self.variant = variant
        self._adversary: Adversary | None = None
        self._cluster_N = torch.zeros(0, dtype=torch.long)
        self._centres_KD: NDArray[np.float64] | None = None

    def start(self, setting: SpeakerSetting) -> None:
        """Make the adversary."""
        self._adversary = Adversary(
            embedding_dim=setting.embedding_dim,
            clusters=self.options.clusters,
            hidden_dim=self.options.hidden_dim,
            learning_rate=self.options.adversary_learning_rate,
        ).to(setting.device)
        self._cluster_N = torch.full((len(setting.group_N),), -1, device=setting.device)

    def refresh(self, epoch: int, embed: Callable[[], NDArray[np.float32]]) -> None:
        """Cluster the training utterances anew where it is their turn."""
        if epoch % self.options.refresh_epochs:
            return
        labels_N, self._centres_KD = cluster_embeddings(
            embed(), clusters=self.options.clusters, seed=self.options.seed, previous_KD=self._centres_KD
        )
        self._cluster_N = torch.from_numpy(labels_N).to(self._cluster_N.device)

    def batch_loss(self, step: SpeakerStep) -> Tensor:
        """The adversary's step up, then the weighted mean loss for the encoder's step down."""
        if self._adversary is None:
            raise ModelError("adversarial reweighting has no adversary yet; call `start` first")
        if not isinstance(step.loss, AngularPrototypical):
            raise ModelError(
                f"{self.variant} weighs queries and prototypes, but speaker.loss is aam_softmax; set it to "
                "angular_prototypical"
            )
        cluster_B = self._cluster_N[step.rows_B]
        loss_T = term_losses(self.variant, step.embeddings_PQD, step.loss)
        terms_TB = term_matrix(self.variant, cluster_B.unflatten(0, step.embeddings_PQD.shape[:2]))
        seen_BD = step.embeddings_PQD.detach().flatten(0, 1)
        weight_B = self._adversary.ascend(seen_BD, cluster_B, terms_TB.T @ loss_T.detach())
        return weighted_loss(weight_B, terms_TB, loss_T)

    def tensors(self) -> dict[str, Tensor]:
        """The adversary and the clusters' centres."""
        if self._adversary is None or self._centres_KD is None:
            return {}
        adversary = {f"adversary.{name}": tensor for name, tensor in self._adversary.state_dict().items()}
        return {**adversary, "centres": torch.from_numpy(self._centres_KD.astype(np.float32))}

    def state_dict(self) -> dict[str, Any]:
        """The adversary with its optimiser, and the clusters."""
        adversary = {} if self._adversary is None else self._adversary.resume_state()
        return {"adversary": adversary, "clusters": self._cluster_N, "centres": self._centres_KD}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What a checkpoint brings back."""
        if self._adversary is not None:
            self._adversary.resume(state["adversary"])
        self._cluster_N = state["clusters"].to(self._cluster_N.device)
        self._centres_KD = state["centres"]


def term_losses(variant: str, embeddings_PQD: Tensor, loss: AngularPrototypical) -> Tensor:
    """The losses that a variant weighs: (P,), or (B,) for `arw_accumulated`."""
    speakers_P = torch.arange(len(embeddings_PQD), device=embeddings_PQD.device)
    if variant != "arw_accumulated":
        return loss(embeddings_PQD, speakers_P)
    utterances = embeddings_PQD.shape[1]
    turns = [loss(embeddings_PQD.roll(utterances - 1 - query, dims=1), speakers_P) for query in range(utterances)]
    return torch.stack(turns, dim=1).flatten()


def term_matrix(variant: str, cluster_PQ: Tensor) -> Tensor:
    """How much of each utterance's weight is in each term's, (T, B); T as `term_losses`."""
    speakers, utterances = cluster_PQ.shape
    if variant == "arw_accumulated":
        return torch.eye(speakers * utterances, device=cluster_PQ.device)
    if variant == "arw_pairwise":
        share_Q = torch.full((utterances,), 1.0 / (utterances - 1), device=cluster_PQ.device)
        share_Q[-1] = 1.0
        return torch.kron(torch.eye(speakers, device=cluster_PQ.device), share_Q[None])
    same_PB = (cluster_PQ[:, -1:] == cluster_PQ.flatten()[None]).to(torch.float32)
    return F.normalize(same_PB, p=1.0, dim=1)


def weighted_loss(weight_B: Tensor, terms_TB: Tensor, loss_T: Tensor) -> Tensor:
    """The mean over terms of weight times loss, scaled so that a term of average weight counts 1."""
    scale = MEAN_WEIGHT * terms_TB.sum(dim=1).mean()
    return ((terms_TB @ weight_B) * loss_T).mean() / scale
