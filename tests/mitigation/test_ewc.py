"""EWC: its penalty against the formula, strength 0 is fine-tuning, a huge strength holds the model in place."""

import pytest
import torch

from isogloss.errors import ModelError
from isogloss.mitigation.ewc import Ewc, EwcParams
from isogloss.mitigation.finetune import Finetune, FinetuneParams
from isogloss.mitigation.fisher import diagonal_fisher


@pytest.fixture
def adapted(tiny_model, speech, setting):
    """A model after some steps of a mitigation on other data than its Fisher's."""

    def run(mitigation, steps=20):
        model = tiny_model()
        mitigation.start(model, setting, [speech(6, seed=1), speech(6, seed=2)])
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        batch = speech(6, seed=3)
        for _ in range(steps):
            loss = model.losses(batch).loss_B.mean()
            penalty = mitigation.penalty(model)
            optimizer.zero_grad()
            (loss if penalty is None else loss + penalty).backward()
            optimizer.step()
        return model

    return run


def test_the_penalty_is_half_strength_times_the_fisher_weighted_squared_displacement(tiny_model, speech, setting):
    mitigation, model = Ewc(EwcParams(strength=3.0)), tiny_model()
    mitigation.start(model, setting, [speech(6)])
    assert mitigation.penalty(model).item() == 0.0
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5)
    expected = 0.5 * 3.0 * sum(fisher.sum() for fisher in mitigation.fisher.values()) * 0.25
    torch.testing.assert_close(mitigation.penalty(model).detach(), expected)


def test_strength_zero_is_fine_tuning_bit_for_bit(adapted):
    fine, zero = adapted(Finetune(FinetuneParams())), adapted(Ewc(EwcParams(strength=0.0)))
    assert all(torch.equal(a, b) for a, b in zip(fine.parameters(), zero.parameters(), strict=True))


def test_the_stronger_the_less_the_base_population_is_displaced(adapted):
    found = []
    for strength in (0.1, 10.0, 1e6):
        mitigation = Ewc(EwcParams(strength=strength))
        found.append(mitigation.displacement(adapted(mitigation)).item())
    assert found[0] > found[1] > found[2]
    assert found[2] < 1e-3 * found[0]


def test_whole_batches_are_looked_at_until_they_hold_enough_utterances(tiny_model, speech, setting):
    batches = [speech(3, seed=seed) for seed in range(4)]
    mitigation, model = Ewc(EwcParams(fisher_utterances=5)), tiny_model()
    mitigation.start(model, setting, iter(batches))
    expected = diagonal_fisher(model, batches[:2])
    assert torch.equal(mitigation.fisher["output_layer.weight"], expected["output_layer.weight"])


def test_sampled_labels_make_another_fisher(tiny_model, speech, setting):
    found = []
    for labels in ("empirical", "sampled"):
        mitigation = Ewc(EwcParams(labels=labels))
        mitigation.start(tiny_model(), setting, [speech(6)])
        found.append(mitigation.fisher["output_layer.weight"])
    assert torch.isfinite(found[1]).all() and not torch.equal(*found)


def test_a_penalty_before_the_fisher_is_refused(tiny_model):
    with pytest.raises(ModelError, match="call `start` first"):
        Ewc(EwcParams()).penalty(tiny_model())
