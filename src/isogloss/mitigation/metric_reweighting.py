"""Adversarial reweighting of a speaker encoder (Jin et al. 2022, 2207.07776): the common part of its three forms.

An adversary weighs every utterance of a batch from its embedding and its cluster, w_i = 1 + s_i / mean(s). A metric
loss is not a sum over samples, so the forms (`arw_pairwise`, `arw_accumulated`, `arw_clusters`) differ in the terms
that the weights apply to. The paper has no public code: the terms are our reading. All three are linear: the weights of
the T terms are M w with a matrix M (T, B) of the form, so the weighted loss is l' M w, and the adversary sees each
utterance's accumulated loss M' l. Clusters are recomputed every `refresh_epochs` epochs.

Shapes: P speakers, Q utterances of each, B = P Q, D embedding dimensions, N training utterances, T terms, K clusters.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isogloss.config import VerificationParams
from isogloss.errors import ModelError
from isogloss.mitigation.reweighting import Reweighting
from isogloss.mitigation.strategy import Setting, Step
from isogloss.mitigation.voice_clusters import cluster_embeddings
from isogloss.speakers import SpeakerEncoder
from isogloss.speakers.metric_losses import AngularPrototypical

MEAN_WEIGHT = 2.0
"""Mean weight of an utterance, by the definition of the weights."""


class MetricReweighting(Reweighting[SpeakerEncoder]):
    """Min-max training against an adversary that gets no labels; a subclass defines the terms of its form.

    Attributes
    ----------
    name
        The name of the form in params, for messages.
    """

    options: VerificationParams
    name: ClassVar[str]

    def __init__(self, options: VerificationParams) -> None:
        super().__init__(options)
        self._setting: Setting | None = None
        self._cluster_N = torch.zeros(0, dtype=torch.long)
        self._centres_KD: NDArray[np.float64] | None = None

    @staticmethod
    def term_losses(embeddings_PQD: Tensor, loss: AngularPrototypical) -> Tensor:
        """The loss of each term, (T,): the query of each speaker, unless a form has other terms."""
        return loss(embeddings_PQD, torch.arange(len(embeddings_PQD), device=embeddings_PQD.device))

    @staticmethod
    def term_matrix(cluster_PQ: Tensor) -> Tensor:
        """How much of each utterance's weight is in each term's, (T, B)."""
        raise NotImplementedError

    def start(self, model: SpeakerEncoder, setting: Setting, base_batches: Iterable[Any]) -> None:
        """Make the adversary; utterances have no cluster before the first `refresh`."""
        super().start(model, setting, base_batches)
        self._setting = setting
        self._cluster_N = torch.full((len(setting.utterances),), -1, device=setting.device)

    def clusters(self, setting: Setting) -> int:
        """The number of clusters in params."""
        return self.options.clusters

    def refresh(self, epoch: int) -> None:
        """Cluster the training utterances again every `refresh_epochs` epochs."""
        if epoch % self.options.refresh_epochs or self._setting is None or self._setting.embed is None:
            return
        labels_N, self._centres_KD = cluster_embeddings(
            self._setting.embed(),
            clusters=self.options.clusters,
            seed=self.options.seed,
            previous_KD=self._centres_KD,
        )
        self._cluster_N = torch.from_numpy(labels_N).to(self._cluster_N.device)

    def loss(self, step: Step) -> Tensor:
        """The adversary's step up, then the weighted mean loss for the encoder's step down.

        Raises
        ------
        ModelError
            The batch has no pairs of queries and prototypes.
        """
        if step.pairs is None or not isinstance(step.pairs.loss, AngularPrototypical):
            raise ModelError(
                f"{self.name} weighs queries and prototypes, but speaker.loss is aam_softmax; set it to "
                "angular_prototypical"
            )
        embeddings_PQD = step.pairs.embeddings_PQD
        cluster_B = self._cluster_N[step.pairs.rows_B]
        loss_T = self.term_losses(embeddings_PQD, step.pairs.loss)
        terms_TB = self.term_matrix(cluster_B.unflatten(0, embeddings_PQD.shape[:2]))
        seen_BD = embeddings_PQD.detach().flatten(0, 1)
        weight_B = self.adversary.ascend(seen_BD, cluster_B, terms_TB.T @ loss_T.detach())
        return weighted_loss(weight_B, terms_TB, loss_T)

    def tensors(self) -> dict[str, Tensor]:
        """The adversary and the clusters' centres."""
        centres = {} if self._centres_KD is None else {"centres": torch.from_numpy(self._centres_KD.astype(np.float32))}
        return {**super().tensors(), **centres}

    def state_dict(self) -> dict[str, Any]:
        """The adversary with its optimiser, and the clusters."""
        return {**super().state_dict(), "clusters": self._cluster_N, "centres": self._centres_KD}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        super().load_state_dict(state)
        self._cluster_N = state["clusters"].to(self._cluster_N.device)
        self._centres_KD = state["centres"]


def weighted_loss(weight_B: Tensor, terms_TB: Tensor, loss_T: Tensor) -> Tensor:
    """The mean over terms of weight times loss, scaled so that a term of average weight counts 1."""
    scale = MEAN_WEIGHT * terms_TB.sum(dim=1).mean()
    return ((terms_TB @ weight_B) * loss_T).mean() / scale
