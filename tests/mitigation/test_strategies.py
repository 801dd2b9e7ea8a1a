"""What each strategy draws, trains, weighs and adds, against what its paper says in so many words."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy.special import softmax

from isogloss.config import Params, registry
from isogloss.config.components import MitigationComponent
from isogloss.errors import ModelError
from isogloss.mitigation import build_mitigation, build_speaker_mitigation
from isogloss.mitigation.adversary import Adversary


def strategy(name, **options):
    params = Params()
    section = params.section(name).model_copy(update=options)
    return build_mitigation(name, params.model_copy(update={name: section}))


def draws(mitigation, setting, epoch=0):
    return mitigation.examples(setting, np.random.default_rng([1, epoch]))


def test_every_method_of_the_params_has_a_strategy():
    for name in registry.names(MitigationComponent, adapts="recognizer"):
        assert build_mitigation(name, Params()).options == Params().section(name)
    for name in registry.names(MitigationComponent, adapts="speaker"):
        assert build_speaker_mitigation(name, Params()).per_token is False


def test_an_unknown_strategy_is_refused_with_the_nearest_name():
    with pytest.raises(ModelError, match="did you mean 'oversample'"):
        build_mitigation("oversampel", Params())


@pytest.mark.parametrize("name", ["finetune", "ewc", "l2", "predictor_only", "encoder_only"])
def test_these_adapt_on_the_worst_cohorts_alone(name, setting):
    assert draws(strategy(name), setting)["utterance_id"].tolist() == ["b", "d"]


@pytest.mark.parametrize("name", ["finetune", "mix_base_data", "oversample", "pseudo_labels"])
def test_a_worst_cohort_without_adaptation_data_is_refused(name, setting):
    from dataclasses import replace

    with pytest.raises(ModelError, match="no utterance of the worst cohorts moon"):
        draws(strategy(name), replace(setting, worst=["moon"]))


@pytest.mark.parametrize(("base_share", "of_worst"), [(0.5, 3), (2 / 3, 2), (1 / 6, 5)])
def test_base_data_takes_its_share_of_an_epoch_and_makes_it_no_longer(setting, base_share, of_worst):
    found = Counter(draws(strategy("mix_base_data", base_share=base_share), setting)["utterance_id"])
    assert found["b"] + found["d"] == of_worst and abs(found["b"] - found["d"]) <= 1
    assert found["a"] == 6 - of_worst


def test_oversampling_gives_the_worst_cohorts_their_share_of_an_epoch(setting):
    found = Counter(draws(strategy("oversample", share=2 / 3), setting)["utterance_id"])
    assert found["b"] == found["d"] == 2 and sum(found.values()) == 6 and not {"a"} & set(found)
    assert all(found[other] <= 1 for other in "cefgh")


def test_epochs_draw_differently_and_repeatably(setting):
    one = [draws(strategy("oversample"), setting, epoch)["utterance_id"].tolist() for epoch in (0, 1, 0)]
    assert one[0] == one[2] != one[1]


@pytest.mark.parametrize("name", ["finetune_all", "cohort_input", "arw", "group_dro", "length_normalised_dro"])
def test_these_adapt_on_everybodys_new_data(name, setting):
    found = draws(strategy(name), setting)["utterance_id"]
    assert len(found) == 6 and found.is_unique and set(found) <= set("bcdefgh")


def test_predictor_and_encoder_only_share_nothing_and_leave_the_joiner_alone(tiny_model):
    model = tiny_model()
    names = [name for name, _ in model.named_parameters()]
    trained = {
        kind: {n for n in names if strategy(kind).is_trained(model, n)} for kind in ("predictor_only", "encoder_only")
    }
    assert not trained["predictor_only"] & trained["encoder_only"]
    left = set(names) - trained["predictor_only"] - trained["encoder_only"]
    assert left == {n for n in names if n.startswith(("output_layer", "ctc_layer"))}


def test_l2_is_half_strength_times_the_squared_distance(tiny_model, setting):
    mitigation, model = strategy("l2", strength=3.0), tiny_model()
    mitigation.start(model, setting, [])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    count = sum(p.numel() for p in model.parameters())
    assert mitigation.penalty(model).item() == pytest.approx(0.5 * 3.0 * 0.01 * count, rel=1e-4)


def test_pseudo_labels_are_the_base_models_and_silence_is_left_out(setting):
    mitigation = strategy("pseudo_labels")
    asked = []

    def transcribe(ids):
        asked.extend(ids)
        return {"b": "", "d": "play music"}

    assert mitigation.relabel(setting, transcribe) == {"d": "play music"} and asked == ["b", "d"]
    assert "b" not in set(draws(mitigation, setting)["utterance_id"])


def test_a_cohort_input_begins_as_the_base_model_and_unknown_is_an_input_of_its_own(tiny_model, speech, setting):
    base, batch = tiny_model(), speech()
    model = strategy("cohort_input").model(base, setting).eval()
    before, _ = base.encode(batch.features_BTF, batch.lengths_B)
    assert torch.equal(model.encode(batch.features_BTF, batch.lengths_B, batch.cohorts)[0], before)
    with torch.no_grad():
        torch.nn.init.normal_(model.cohort_input.shift.weight)
    encodings = [
        model.encode(batch.features_BTF, batch.lengths_B, names)[0]
        for names in (["far"] * 5, ["near"] * 5, [""] * 5, None, ["moon"] * 5)
    ]
    assert not torch.equal(encodings[0], encodings[1]) and not torch.equal(encodings[0], encodings[2])
    assert torch.equal(encodings[2], encodings[3]) and torch.equal(encodings[2], encodings[4])


def test_group_dro_moves_weight_by_the_exponential_of_the_loss(setting, step):
    mitigation = strategy("group_dro", step_size=0.5)
    mitigation.start(None, setting, [])
    loss = mitigation.loss(step([1.0, 3.0, 2.0], ["far", "far", "near"]))
    raw = np.exp(0.5 * np.array([2.0, 0.0, 2.0, 0.0])) / 4  # far, mid, near, none
    share = raw / raw.sum()
    np.testing.assert_allclose(mitigation.tensors()["cohort_weights"].numpy(), share, rtol=1e-6)
    assert loss.item() == pytest.approx(share[0] * 2.0 + share[2] * 2.0, rel=1e-6)


def test_group_dro_neither_overflows_nor_forgets_a_cohort(setting, step):
    mitigation = strategy("group_dro", step_size=1.0)
    mitigation.start(None, setting, [])
    sums = np.zeros(4)  # of far, mid, near, none
    for far, near in ((200.0, 1.0), (90.0, 1.0), (0.0, 289.5)):
        loss = mitigation.loss(step([far, near], ["far", "near"]))
        sums += [far, 0.0, near, 0.0]
        share = softmax(sums)
        np.testing.assert_allclose(mitigation.tensors()["cohort_weights"].numpy(), share, rtol=1e-4, atol=1e-30)
        assert loss.item() == pytest.approx(share[0] * far + share[2] * near, rel=1e-4)
    assert share[2] > 0.8  # after a weight that float32 cannot hold


@pytest.mark.parametrize("name", ["group_dro", "length_normalised_dro"])
def test_no_weight_goes_to_utterances_without_a_cohort_where_there_are_none(name, setting, step):
    from dataclasses import replace

    known = setting.utterances.dropna(subset="cohort")
    mitigation = strategy(name, step_size=0.5)
    mitigation.start(None, replace(setting, utterances=known), [])
    np.testing.assert_allclose(mitigation.tensors()["cohort_weights"].numpy(), [1 / 3] * 3, rtol=1e-6)
    loss = mitigation.loss(step([2.0, 2.0, 2.0], ["far", "near", "mid"]))
    assert loss.item() == pytest.approx(2.0, rel=1e-6)


def test_length_normalised_dro_compares_tokens_and_gives_the_heavy_less(setting, step):
    mitigation = strategy("length_normalised_dro", step_size=0.5, smoothing=0.25)
    mitigation.start(None, setting, [])
    mitigation.loss(step([4.0, 8.0], ["far", "near"], tokens=[2, 2]))
    raw = np.exp(0.5 * np.array([2.0, 0.0, 4.0, 0.0]) / (0.25 + 0.25)) / 4
    np.testing.assert_allclose(mitigation.tensors()["cohort_weights"].numpy(), raw / raw.sum(), rtol=1e-6)


def test_adversary_weights_are_at_least_one_and_average_two():
    torch.manual_seed(0)
    adversary = Adversary(embedding_dim=5, clusters=3, hidden_dim=4, learning_rate=0.1)
    embeddings, clusters = torch.randn(9, 5), torch.tensor([0, 1, 2, -1, 0, 1, 2, -1, 0])
    assert torch.allclose(adversary(embeddings, clusters), torch.full((9,), 2.0))  # equal at the start
    losses = torch.rand(9)
    for _ in range(20):
        weights = adversary.ascend(embeddings, clusters, losses)
    assert weights.min() >= 1.0 and weights.mean().item() == pytest.approx(2.0, rel=1e-5)
    assert np.corrcoef(weights, losses)[0, 1] > 0.5  # it found the heavy ones


def test_the_adversary_climbs_what_the_model_descends():
    torch.manual_seed(0)
    adversary = Adversary(embedding_dim=5, clusters=2, hidden_dim=4, learning_rate=1e-3)
    torch.nn.init.normal_(adversary.scorer[-1].weight)
    embeddings, clusters = torch.randn(8, 5), torch.randint(0, 2, (8,))
    losses = torch.rand(8, requires_grad=True)

    def objective():
        return (adversary(embeddings, clusters) * losses.detach()).mean()

    before = objective().item()
    adversary.ascend(embeddings, clusters, losses)
    assert objective().item() > before
    assert losses.grad is None  # the model is not moved by the adversary's turn
    (adversary(embeddings, clusters).detach() * losses).mean().backward()
    assert (losses.grad > 0).all()  # and descends every loss


def test_arw_weighs_the_loss_of_a_token_and_keeps_its_weights(setting, step, tiny_model):
    mitigation = strategy("arw", adversary_learning_rate=0.1)
    mitigation.start(tiny_model(), setting, [])
    for _ in range(30):
        loss = mitigation.loss(step([9.0, 1.0, 1.0], ["far", "near", ""], tokens=[3, 1, 0]))
    found = mitigation.weights().set_index("utterance_id")["weight"]
    assert found["u0"] > found["u1"]
    expected = (found["u0"] * 3.0 + found["u1"] * 1.0 + found["u2"] * 1.0) / 3
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["arw", "group_dro", "length_normalised_dro"])
def test_a_resumed_strategy_goes_on_as_the_undisturbed_one(name, setting, step, tiny_model):
    steps = [step([3.0, 1.0], ["far", "near"]), step([1.0, 4.0], ["far", "near"]), step([2.0, 2.0], ["mid", "near"])]
    torch.manual_seed(3)
    undisturbed = strategy(name)
    undisturbed.start(tiny_model(), setting, [])
    losses = []
    for number, one in enumerate(steps):
        if number == 2:
            resumed = strategy(name)
            torch.manual_seed(4)
            resumed.start(tiny_model(), setting, [])
            resumed.load_state_dict(undisturbed.state_dict())
            losses.append(resumed.loss(step([2.0, 2.0], ["mid", "near"])).item())
        losses.append(undisturbed.loss(one).item())
    assert losses[-1] == losses[-2]
