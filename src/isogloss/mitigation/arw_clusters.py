"""Adversarial reweighting by cluster (2207.07776): clusters are pseudo-labels of groups.

A query's weight is the mean weight of its cluster's utterances in the batch. Shapes are those of `metric_reweighting`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from isogloss.config.components import MitigationComponent
from isogloss.mitigation.metric_reweighting import MetricReweighting

COMPONENT = MitigationComponent(name="arw_clusters", implementation="ArwClusters", adapts=("speaker",))


class ArwClusters(MetricReweighting):
    """Weighs each speaker's query as its cluster."""

    name = COMPONENT.name

    @staticmethod
    def term_matrix(cluster_PQ: Tensor) -> Tensor:
        """The share of each utterance in the cluster of each query, (P, B)."""
        same_PB = (cluster_PQ[:, -1:] == cluster_PQ.flatten()[None]).to(torch.float32)
        return F.normalize(same_PB, p=1.0, dim=1)
