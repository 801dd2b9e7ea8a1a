"""Adversarial reweighting of pairs (2207.07776): the form that worked best in the paper.

A term is a query and its prototype; its weight is the sum of both weights, that of the prototype being the mean over
its utterances. Shapes are those of `metric_reweighting`.
"""

import torch
from torch import Tensor

from isogloss.config.components import MitigationComponent
from isogloss.mitigation.metric_reweighting import MetricReweighting

COMPONENT = MitigationComponent(name="arw_pairwise", implementation="ArwPairwise", adapts=("speaker",))


class ArwPairwise(MetricReweighting):
    """Weighs each speaker's query together with the prototype."""

    name = COMPONENT.name

    @staticmethod
    def term_matrix(cluster_PQ: Tensor) -> Tensor:
        """1 for a query, 1 / (Q - 1) for the others of its speaker: (P, B)."""
        speakers, utterances = cluster_PQ.shape
        share_Q = torch.full((utterances,), 1.0 / (utterances - 1), device=cluster_PQ.device)
        share_Q[-1] = 1.0
        return torch.kron(torch.eye(speakers, device=cluster_PQ.device), share_Q[None])
