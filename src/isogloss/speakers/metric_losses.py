"""Losses that put utterances of one speaker close together and those of others far apart.

- `AngularPrototypical`: Chung et al. 2020 (2003.11982, section 2.2): batches of speakers x utterances
- `AamSoftmax`: additive angular margin softmax over the training speakers (Deng et al. 2019, 1801.07698)

Both are called with embeddings (P, Q, D), P different speakers with Q utterances each, and the speakers' numbers (P,).
They return one loss for each query utterance, and their parameters are trained with the encoder.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isogloss.errors import ModelError


class AngularPrototypical(nn.Module):
    """Cross-entropy of the query's speaker over scaled cosines to the prototypes of the batch's speakers.

    A speaker's last utterance is the query, the mean of the others their prototype (equation 6 to 8). Scale and bias of
    the cosine are learnt; the scale stays positive.
    """

    MIN_SCALE = 1e-6

    def __init__(self, *, scale: float = 10.0, bias: float = -5.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, embeddings_PQD: Tensor, speakers_P: Tensor) -> Tensor:
        """(P,) losses, one a speaker's query.

        Raises
        ------
        ModelError
            There are fewer than two utterances a speaker.
        """
        if embeddings_PQD.shape[1] < 2:
            raise ModelError("the angular prototypical loss needs two utterances a speaker: a prototype and a query")
        logits_PP = self.logits(embeddings_PQD[:, -1], embeddings_PQD[:, :-1].mean(dim=1))
        return F.cross_entropy(logits_PP, torch.arange(len(logits_PP), device=logits_PP.device), reduction="none")

    def logits(self, queries_AD: Tensor, prototypes_BD: Tensor) -> Tensor:
        """Scaled and shifted cosines of all queries and prototypes, (A, B)."""
        cosine_AB = F.normalize(queries_AD, dim=-1) @ F.normalize(prototypes_BD, dim=-1).T
        return self.scale.clamp(min=self.MIN_SCALE) * cosine_AB + self.bias


class AamSoftmax(nn.Module):
    """Cross-entropy over all training speakers, the angle to the true one made larger by a margin.

    Parameters
    ----------
    embedding_dim
        D.
    speakers
        Training speakers, one class each.
    margin
        Added to the angle to the own class, in radians.
    scale
        Of the cosines.
    """

    def __init__(self, *, embedding_dim: int, speakers: int, margin: float = 0.2, scale: float = 30.0) -> None:
        super().__init__()
        self.margin, self.scale = margin, scale
        self.centres_SD = nn.Parameter(torch.empty(speakers, embedding_dim))
        nn.init.xavier_normal_(self.centres_SD)

    def forward(self, embeddings_PQD: Tensor, speakers_P: Tensor) -> Tensor:
        """(P * Q,) losses, all utterances of the first speaker first."""
        flat_ND = embeddings_PQD.flatten(0, 1)
        target_N = speakers_P.repeat_interleave(embeddings_PQD.shape[1])
        cosine_NS = (F.normalize(flat_ND, dim=-1) @ F.normalize(self.centres_SD, dim=-1).T).clamp(-1.0, 1.0)
        own_N1 = cosine_NS.gather(1, target_N[:, None])
        return F.cross_entropy(
            self.scale * cosine_NS.scatter(1, target_N[:, None], self._with_margin(own_N1)), target_N, reduction="none"
        )

    def _with_margin(self, cosine: Tensor) -> Tensor:
        """cos(angle + margin); beyond an angle of pi, where it would rise again, a decreasing line."""
        sine = (1.0 - cosine**2).clamp(min=1e-9).sqrt()
        turned = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        line = cosine - math.sin(math.pi - self.margin) * self.margin
        return torch.where(cosine > math.cos(math.pi - self.margin), turned, line)
