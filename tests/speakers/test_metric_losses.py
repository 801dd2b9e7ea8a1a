"""Metric losses against the formulas written out, and against what they must do."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.errors import ModelError
from isogloss.speakers.metric_losses import AamSoftmax, AngularPrototypical


def cosine(a, b):
    return float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


@pytest.mark.parametrize("utterances", [2, 4])
def test_angular_prototypical_is_equation_8_of_the_paper(utterances):
    torch.manual_seed(1)
    embeddings = torch.randn(5, utterances, 6, dtype=torch.float64)
    found = AngularPrototypical(scale=7.0, bias=-2.0)(embeddings, torch.arange(5))
    found, x = found.detach(), embeddings.numpy()
    for j in range(5):
        scores = []
        for k in range(5):
            centroid = sum(x[k, m] for m in range(utterances - 1)) / (utterances - 1)
            scores.append(math.exp(7.0 * cosine(x[j, utterances - 1], centroid) - 2.0))
        assert float(found[j]) == pytest.approx(-math.log(scores[j] / sum(scores)), abs=1e-6)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 100.0))
@settings(deadline=None)
def test_angular_prototypical_sees_angles_alone(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(4, 3, 5, generator=generator)
    loss = AngularPrototypical()
    torch.testing.assert_close(
        loss(embeddings, torch.arange(4)), loss(scale * embeddings, torch.arange(4)), rtol=1e-3, atol=1e-4
    )


def test_angular_prototypical_is_lower_where_speakers_are_apart():
    apart = torch.eye(4)[:, None].repeat(1, 2, 1)
    loss = AngularPrototypical()
    together = torch.ones(4, 2, 4)
    assert loss(apart, torch.arange(4)).mean() < 0.01
    torch.testing.assert_close(loss(together, torch.arange(4)), torch.full((4,), math.log(4)))


def test_one_utterance_a_speaker_is_refused():
    with pytest.raises(ModelError, match="two utterances"):
        AngularPrototypical()(torch.randn(3, 1, 4), torch.arange(3))


def test_aam_softmax_adds_the_margin_to_the_angle():
    torch.manual_seed(2)
    loss = AamSoftmax(embedding_dim=6, speakers=7, margin=0.3, scale=12.0).double()
    embeddings, speakers = torch.randn(3, 2, 6, dtype=torch.float64), torch.tensor([6, 0, 3])
    found = loss(embeddings, speakers).detach().numpy()
    centres = loss.centres_SD.detach().numpy()
    for row, (p, q) in enumerate((p, q) for p in range(3) for q in range(2)):
        angles = [math.acos(cosine(embeddings[p, q].numpy(), centre)) for centre in centres]
        own = int(speakers[p])
        logits = [12.0 * math.cos(a + (0.3 if k == own else 0.0)) for k, a in enumerate(angles)]
        assert angles[own] < math.pi - 0.3
        assert found[row] == pytest.approx(-logits[own] + math.log(sum(map(math.exp, logits))), abs=1e-6)


def test_aam_softmax_without_margin_is_cross_entropy():
    torch.manual_seed(4)
    loss = AamSoftmax(embedding_dim=5, speakers=4, margin=0.0, scale=9.0)
    embeddings = torch.randn(4, 1, 5)
    logits = (
        9.0
        * torch.nn.functional.normalize(embeddings[:, 0], dim=1)
        @ torch.nn.functional.normalize(loss.centres_SD, dim=1).T
    )
    expected = torch.nn.functional.cross_entropy(logits, torch.arange(4), reduction="none")
    torch.testing.assert_close(loss(embeddings, torch.arange(4)), expected, rtol=1e-3, atol=1e-3)


def test_aam_softmax_keeps_falling_with_the_cosine_past_the_margin():
    loss = AamSoftmax(embedding_dim=2, speakers=2, margin=0.5)
    cosines = torch.linspace(-1, 1, 400, dtype=torch.float64)
    assert (loss._with_margin(cosines).diff() > 0).all()
