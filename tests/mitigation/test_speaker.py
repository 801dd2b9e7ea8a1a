"""Mitigations of a speaker encoder: weights average as defined, adversary and encoder pull in opposite directions."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from isogloss.config import VerificationParams
from isogloss.errors import ModelError
from isogloss.mitigation.adversary import Adversary
from isogloss.mitigation.speaker import SpeakerSetting, SpeakerStep, build_speaker_mitigation
from isogloss.mitigation.speaker.clusters import cluster_embeddings
from isogloss.mitigation.speaker.reweighting import VARIANTS, term_losses, term_matrix, weighted_loss
from isogloss.speakers.metric_losses import AamSoftmax, AngularPrototypical

OPTIONS = VerificationParams(clusters=3)


def adversary(dim=5, clusters=3, seed=0):
    torch.manual_seed(seed)
    made = Adversary(embedding_dim=dim, clusters=clusters, hidden_dim=8, learning_rate=1e-2)
    torch.nn.init.normal_(made.scorer[-1].weight)
    return made


def batch(seed=0, speakers=6, utterances=3, dim=5):
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(speakers, utterances, dim, generator=generator)
    clusters = torch.randint(0, 3, (speakers, utterances), generator=generator)
    return embeddings, clusters


def setting(rows=18, groups=("a", "b")):
    owner = np.repeat(np.arange(6), 3)[:rows]
    return SpeakerSetting((owner % len(groups)).astype(np.intp), list(groups), 5, torch.device("cpu"))


@given(seed=st.integers(0, 1000), speakers=st.integers(2, 9), utterances=st.integers(2, 4))
@settings(deadline=None, max_examples=30)
def test_weights_average_as_defined(seed, speakers, utterances):
    embeddings, clusters = batch(seed, speakers, utterances)
    weights = adversary(seed=seed)(embeddings.flatten(0, 1), clusters.flatten()).detach()
    torch.testing.assert_close(weights.mean(), torch.tensor(2.0))
    assert (weights >= 1).all()
    of = weights.unflatten(0, (speakers, utterances))
    pairs = term_matrix("arw_pairwise", clusters) @ weights
    for speaker in range(speakers):
        expected = of[speaker, -1] + of[speaker, :-1].mean()
        torch.testing.assert_close(pairs[speaker], expected)
    if utterances == 2:
        torch.testing.assert_close(pairs.mean(), torch.tensor(4.0))
    assert torch.equal(term_matrix("arw_accumulated", clusters) @ weights, weights)
    grouped = term_matrix("arw_clusters", clusters) @ weights
    for speaker in range(speakers):
        same = (clusters == clusters[speaker, -1]).flatten()
        torch.testing.assert_close(grouped[speaker], weights[same].mean())


@pytest.mark.parametrize("variant", VARIANTS)
def test_equal_weights_are_the_plain_loss(variant):
    embeddings, clusters = batch()
    loss = AngularPrototypical()
    terms = term_losses(variant, embeddings, loss)
    found = weighted_loss(torch.full((18,), 2.0), term_matrix(variant, clusters), terms)
    torch.testing.assert_close(found, terms.mean())


def test_each_utterance_is_the_query_once_in_the_accumulated_variant():
    embeddings, _ = batch()
    loss = AngularPrototypical()
    found = term_losses("arw_accumulated", embeddings, loss).unflatten(0, (6, 3))
    for query in range(3):
        others = [u for u in range(3) if u != query]
        expected = loss(embeddings[:, [*others, query]], torch.arange(6))
        torch.testing.assert_close(found[:, query], expected)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_adversary_sees_what_the_weighted_loss_is_made_of(variant):
    embeddings, clusters = batch()
    terms, matrix = term_losses(variant, embeddings, AngularPrototypical()).detach(), term_matrix(variant, clusters)
    weights = torch.rand(18) + 1
    torch.testing.assert_close((matrix @ weights) @ terms, weights @ (matrix.T @ terms))


@pytest.mark.parametrize("variant", VARIANTS)
def test_adversary_and_encoder_move_the_weighted_loss_in_opposite_directions(variant):
    embeddings, clusters = batch(seed=4)
    encoder = torch.nn.Linear(5, 5)
    opponent, loss = adversary(), AngularPrototypical()

    def objective():
        encoded = encoder(embeddings)
        weights = opponent(encoded.detach().flatten(0, 1), clusters.flatten())
        return weighted_loss(weights, term_matrix(variant, clusters), term_losses(variant, encoded, loss))

    before = objective()
    gradient = torch.autograd.grad(before, list(opponent.parameters()))
    old = [p.detach().clone() for p in opponent.parameters()]
    terms = term_losses(variant, encoder(embeddings), loss).detach()
    seen = encoder(embeddings).detach().flatten(0, 1)
    opponent.ascend(seen, clusters.flatten(), term_matrix(variant, clusters).T @ terms)
    moved = [p.detach() - q for p, q in zip(opponent.parameters(), old, strict=True)]
    assert sum((g * m).sum() for g, m in zip(gradient, moved, strict=True)) > 0
    raised = objective()
    assert raised > before
    optimizer = torch.optim.SGD(encoder.parameters(), lr=1e-3)
    raised.backward()
    gradients = [p.grad.clone() for p in encoder.parameters()]
    old = [p.detach().clone() for p in encoder.parameters()]
    optimizer.step()
    moved = [p.detach() - q for p, q in zip(encoder.parameters(), old, strict=True)]
    assert sum((g * m).sum() for g, m in zip(gradients, moved, strict=True)) < 0


@pytest.mark.parametrize("method", ["continued", "group_balanced", "group_dro", *VARIANTS])
def test_every_mitigation_gives_a_loss_and_its_state_comes_back(method):
    embeddings, _ = batch()
    rows, loss = torch.arange(18), AngularPrototypical()

    def mitigation():
        torch.manual_seed(1)
        made = build_speaker_mitigation(method, OPTIONS)
        made.start(setting())
        made.refresh(0, lambda: np.random.default_rng(0).normal(size=(18, 5)).astype(np.float32))
        return made

    step = SpeakerStep(embeddings.clone().requires_grad_(), torch.arange(6), rows, loss)
    first = mitigation()
    for _ in range(3):
        first.batch_loss(step)
    second = mitigation()
    second.load_state_dict(copy.deepcopy(first.state_dict()))  # as by way of a file
    found = first.batch_loss(step)
    torch.testing.assert_close(found, second.batch_loss(step))
    found.backward()
    assert step.embeddings_PQD.grad.abs().sum() > 0
    for name, tensor in first.tensors().items():
        torch.testing.assert_close(tensor, second.tensors()[name])


def test_continued_training_is_the_plain_mean_loss():
    embeddings, _ = batch()
    loss = AngularPrototypical()
    step = SpeakerStep(embeddings, torch.arange(6), torch.arange(18), loss)
    found = build_speaker_mitigation("continued", OPTIONS).batch_loss(step)
    torch.testing.assert_close(found, loss(embeddings, torch.arange(6)).mean())


@pytest.mark.parametrize("loss", [AngularPrototypical(), AamSoftmax(embedding_dim=5, speakers=6)])
def test_group_dro_is_the_published_update(loss):
    embeddings, _ = batch()
    dro = build_speaker_mitigation("group_dro", VerificationParams(dro_step_size=0.5))
    dro.start(setting())
    with torch.no_grad():
        found = dro.batch_loss(SpeakerStep(embeddings, torch.arange(6), torch.arange(18), loss))
        losses = loss(embeddings, torch.arange(6))
        group = torch.arange(6).remainder(2).repeat_interleave(len(losses) // 6)
        means = torch.stack([losses[group == g].mean() for g in (0, 1)])
    share = torch.tensor([0.5, 0.5]) * torch.exp(0.5 * means)
    share = share / share.sum()
    torch.testing.assert_close(dro.share_G, share)
    torch.testing.assert_close(found, (share * means).sum())


def test_group_dro_neither_overflows_nor_forgets_a_group():
    dro = build_speaker_mitigation("group_dro", VerificationParams(dro_step_size=1.0))
    dro.start(setting())
    sums = np.zeros(2)
    for first, second in ((200.0, 1.0), (90.0, 1.0), (0.0, 289.5)):
        losses = torch.tensor([first, second] * 3)  # the speakers' groups take turns
        dro.batch_loss(SpeakerStep(batch()[0], torch.arange(6), torch.arange(18), lambda *_, of=losses: of))
        sums += [first, second]
        np.testing.assert_allclose(dro.share_G.numpy(), softmax(sums), rtol=1e-4, atol=1e-30)
    assert dro.share_G[1] > 0.8  # after a weight that float32 cannot hold


def test_group_dro_needs_two_groups():
    dro = build_speaker_mitigation("group_dro", OPTIONS)
    with pytest.raises(ModelError, match="two groups of 'gender'"):
        dro.start(setting(groups=("female",)))


def test_reweighting_needs_queries_and_prototypes():
    arw = build_speaker_mitigation("arw_pairwise", OPTIONS)
    arw.start(setting())
    step = SpeakerStep(batch()[0], torch.arange(6), torch.arange(18), AamSoftmax(embedding_dim=5, speakers=6))
    with pytest.raises(ModelError, match="set it to angular_prototypical"):
        arw.batch_loss(step)


def test_clusters_made_anew_keep_their_numbers():
    rng = np.random.default_rng(0)
    corners = np.eye(4)[np.arange(80) % 4]
    first, centres = cluster_embeddings(corners + 0.05 * rng.normal(size=(80, 4)), clusters=4, seed=1)
    second, moved = cluster_embeddings(
        corners + 0.05 * rng.normal(size=(80, 4)), clusters=4, seed=9, previous_KD=centres
    )
    assert (first == second).all()
    np.testing.assert_allclose(centres, moved, atol=0.1)


def test_clusters_are_refreshed_by_schedule():
    arw = build_speaker_mitigation("arw_pairwise", VerificationParams(clusters=2, refresh_epochs=3))
    arw.start(setting())
    asked = []

    def embed():
        asked.append(epoch)
        return np.random.default_rng(0).normal(size=(18, 5)).astype(np.float32)

    for epoch in range(7):
        arw.refresh(epoch, embed)
    assert asked == [0, 3, 6]


def test_an_unknown_mitigation_is_named():
    with pytest.raises(ModelError, match="known are continued, group_balanced"):
        build_speaker_mitigation("magic", OPTIONS)
