"""Mitigations of a speaker encoder: weights average as defined, adversary and encoder pull in opposite directions."""

import copy
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from isogloss.config import Params, VerificationParams
from isogloss.errors import ModelError
from isogloss.mitigation import Pairs, Setting, Step, build_speaker_mitigation
from isogloss.mitigation.adversary import Adversary
from isogloss.mitigation.arw_accumulated import ArwAccumulated
from isogloss.mitigation.arw_clusters import ArwClusters
from isogloss.mitigation.arw_pairwise import ArwPairwise
from isogloss.mitigation.metric_reweighting import weighted_loss
from isogloss.mitigation.voice_clusters import cluster_embeddings
from isogloss.speakers.metric_losses import AamSoftmax, AngularPrototypical

FORMS = (ArwPairwise, ArwAccumulated, ArwClusters)
ENCODER = SimpleNamespace(embedding_dim=5)


def strategy(method, **options):
    return build_speaker_mitigation(method, Params(verification=VerificationParams(**{"clusters": 3, **options})))


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


def embeddings_of_all():
    return np.random.default_rng(0).normal(size=(18, 5)).astype(np.float32)


def setting(groups=("a", "b"), embed=embeddings_of_all):
    """Three utterances of each of six speakers, whose groups take turns."""
    owner = np.repeat(np.arange(6), 3)
    table = pd.DataFrame(
        {
            "utterance_id": [f"u{row}" for row in range(18)],
            "speaker_id": [f"s{number}" for number in owner],
            "split": "train",
            "cohort": [groups[number % len(groups)] for number in owner],
        }
    )
    return Setting(utterances=table, split="train", attribute="gender", embed=embed)


def step(embeddings, loss, losses=None):
    """A step over all utterances, of which the last of each speaker is asked about, or all."""
    losses = loss(embeddings, torch.arange(6)) if losses is None else losses
    table = setting().utterances
    rows = table.index if len(losses) == 18 else table.index[2::3]
    return Step(
        ids=table["utterance_id"][rows].tolist(),
        cohorts=table["cohort"][rows].tolist(),
        loss_B=losses,
        weight_B=torch.ones(len(rows)),
        units_B=torch.ones(len(rows), dtype=torch.long),
        embedding_BD=embeddings.detach().flatten(0, 1)[list(rows)],
        pairs=Pairs(embeddings, torch.arange(18), loss),
    )


@given(seed=st.integers(0, 1000), speakers=st.integers(2, 9), utterances=st.integers(2, 4))
@settings(deadline=None, max_examples=30)
def test_weights_average_as_defined(seed, speakers, utterances):
    embeddings, clusters = batch(seed, speakers, utterances)
    weights = adversary(seed=seed)(embeddings.flatten(0, 1), clusters.flatten()).detach()
    torch.testing.assert_close(weights.mean(), torch.tensor(2.0))
    assert (weights >= 1).all()
    of = weights.unflatten(0, (speakers, utterances))
    pairs = ArwPairwise.term_matrix(clusters) @ weights
    for speaker in range(speakers):
        expected = of[speaker, -1] + of[speaker, :-1].mean()
        torch.testing.assert_close(pairs[speaker], expected)
    if utterances == 2:
        torch.testing.assert_close(pairs.mean(), torch.tensor(4.0))
    assert torch.equal(ArwAccumulated.term_matrix(clusters) @ weights, weights)
    grouped = ArwClusters.term_matrix(clusters) @ weights
    for speaker in range(speakers):
        same = (clusters == clusters[speaker, -1]).flatten()
        torch.testing.assert_close(grouped[speaker], weights[same].mean())


@pytest.mark.parametrize("form", FORMS)
def test_equal_weights_are_the_plain_loss(form):
    embeddings, clusters = batch()
    loss = AngularPrototypical()
    terms = form.term_losses(embeddings, loss)
    found = weighted_loss(torch.full((18,), 2.0), form.term_matrix(clusters), terms)
    torch.testing.assert_close(found, terms.mean())


def test_each_utterance_is_the_query_once_in_the_accumulated_form():
    embeddings, _ = batch()
    loss = AngularPrototypical()
    found = ArwAccumulated.term_losses(embeddings, loss).unflatten(0, (6, 3))
    for query in range(3):
        others = [u for u in range(3) if u != query]
        expected = loss(embeddings[:, [*others, query]], torch.arange(6))
        torch.testing.assert_close(found[:, query], expected)


@pytest.mark.parametrize("form", FORMS)
def test_the_adversary_sees_what_the_weighted_loss_is_made_of(form):
    embeddings, clusters = batch()
    terms, matrix = form.term_losses(embeddings, AngularPrototypical()).detach(), form.term_matrix(clusters)
    weights = torch.rand(18) + 1
    torch.testing.assert_close((matrix @ weights) @ terms, weights @ (matrix.T @ terms))


@pytest.mark.parametrize("form", FORMS)
def test_adversary_and_encoder_move_the_weighted_loss_in_opposite_directions(form):
    embeddings, clusters = batch(seed=4)
    encoder = torch.nn.Linear(5, 5)
    opponent, loss = adversary(), AngularPrototypical()

    def objective():
        encoded = encoder(embeddings)
        weights = opponent(encoded.detach().flatten(0, 1), clusters.flatten())
        return weighted_loss(weights, form.term_matrix(clusters), form.term_losses(encoded, loss))

    before = objective()
    gradient = torch.autograd.grad(before, list(opponent.parameters()))
    old = [p.detach().clone() for p in opponent.parameters()]
    terms = form.term_losses(encoder(embeddings), loss).detach()
    seen = encoder(embeddings).detach().flatten(0, 1)
    opponent.ascend(seen, clusters.flatten(), form.term_matrix(clusters).T @ terms)
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


@pytest.mark.parametrize("method", ["continued", "group_balanced", "group_dro", *(form.name for form in FORMS)])
def test_every_mitigation_gives_a_loss_and_its_state_comes_back(method):
    embeddings, _ = batch()
    embeddings.requires_grad_()

    def mitigation():
        torch.manual_seed(1)
        made = strategy(method)
        made.start(ENCODER, setting(), [])
        made.refresh(0)
        return made

    one = step(embeddings, AngularPrototypical())
    first = mitigation()
    for _ in range(3):
        first.loss(one)
    second = mitigation()
    second.load_state_dict(copy.deepcopy(first.state_dict()))  # as by way of a file
    found = first.loss(one)
    torch.testing.assert_close(found, second.loss(one))
    found.backward()
    assert embeddings.grad.abs().sum() > 0
    for name, tensor in first.tensors().items():
        torch.testing.assert_close(tensor, second.tensors()[name])


def test_continued_training_is_the_plain_mean_loss():
    embeddings, _ = batch()
    loss = AngularPrototypical()
    found = strategy("continued").loss(step(embeddings, loss))
    torch.testing.assert_close(found, loss(embeddings, torch.arange(6)).mean())


@pytest.mark.parametrize("loss", [AngularPrototypical(), AamSoftmax(embedding_dim=5, speakers=6)])
def test_group_dro_is_the_published_update(loss):
    embeddings, _ = batch()
    dro = strategy("group_dro", dro_step_size=0.5)
    dro.start(ENCODER, setting(), [])
    with torch.no_grad():
        found = dro.loss(step(embeddings, loss))
        losses = loss(embeddings, torch.arange(6))
        group = torch.arange(6).remainder(2).repeat_interleave(len(losses) // 6)
        means = torch.stack([losses[group == g].mean() for g in (0, 1)])
    share = torch.tensor([0.5, 0.5]) * torch.exp(0.5 * means)
    share = share / share.sum()
    torch.testing.assert_close(dro.share_G, share)
    torch.testing.assert_close(found, (share * means).sum())


def test_group_dro_neither_overflows_nor_forgets_a_group():
    dro = strategy("group_dro", dro_step_size=1.0)
    dro.start(ENCODER, setting(), [])
    sums = np.zeros(2)
    for first, second in ((200.0, 1.0), (90.0, 1.0), (0.0, 289.5)):
        losses = torch.tensor([first, second] * 3)  # the speakers' groups take turns
        dro.loss(step(batch()[0], None, losses))
        sums += [first, second]
        np.testing.assert_allclose(dro.share_G.numpy(), softmax(sums), rtol=1e-4, atol=1e-30)
    assert dro.share_G[1] > 0.8  # after a weight that float32 cannot hold


def test_group_dro_needs_two_groups():
    with pytest.raises(ModelError, match="two groups of 'gender' in train"):
        strategy("group_dro").start(ENCODER, setting(groups=("female",)), [])


def test_reweighting_needs_queries_and_prototypes():
    arw = strategy("arw_pairwise")
    arw.start(ENCODER, setting(), [])
    with pytest.raises(ModelError, match="set it to angular_prototypical"):
        arw.loss(step(batch()[0], AamSoftmax(embedding_dim=5, speakers=6)))


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
    arw = strategy("arw_pairwise", clusters=2, refresh_epochs=3)
    asked = []

    def embed():
        asked.append(epoch)
        return embeddings_of_all()

    arw.start(ENCODER, setting(embed=embed), [])
    for epoch in range(7):
        arw.refresh(epoch)
    assert asked == [0, 3, 6]


def test_an_unknown_mitigation_is_named():
    with pytest.raises(ModelError, match=r"a speaker encoder; known are arw_accumulated, .*group_balanced"):
        strategy("magic")
    with pytest.raises(ModelError, match="no mitigation 'ewc' of a speaker encoder"):
        strategy("ewc")
