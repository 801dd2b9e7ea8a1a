"""Adversarial reweighting of accumulated losses (2207.07776).

Every utterance is the query once; its loss accumulates its similarities to all prototypes of the batch, that of its own
speaker without the query; its weight is its own. Shapes are those of `metric_reweighting`.
"""

import torch
from torch import Tensor

from isogloss.config.components import MitigationComponent
from isogloss.mitigation.metric_reweighting import MetricReweighting
from isogloss.speakers.metric_losses import AngularPrototypical

COMPONENT = MitigationComponent(name="arw_accumulated", implementation="ArwAccumulated", adapts=("speaker",))


class ArwAccumulated(MetricReweighting):
    """Weighs each utterance by itself."""

    name = COMPONENT.name

    @staticmethod
    def term_losses(embeddings_PQD: Tensor, loss: AngularPrototypical) -> Tensor:
        """The loss of each utterance as the query, (B,)."""
        speakers_P = torch.arange(len(embeddings_PQD), device=embeddings_PQD.device)
        utterances = embeddings_PQD.shape[1]
        turns = [loss(embeddings_PQD.roll(utterances - 1 - query, dims=1), speakers_P) for query in range(utterances)]
        return torch.stack(turns, dim=1).flatten()

    @staticmethod
    def term_matrix(cluster_PQ: Tensor) -> Tensor:
        """The identity, (B, B)."""
        return torch.eye(cluster_PQ.numel(), device=cluster_PQ.device)
