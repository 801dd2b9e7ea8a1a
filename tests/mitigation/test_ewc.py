"""EWC: its penalty against the formula, strength 0 is fine-tuning, a huge strength holds the model in place."""

import pandas as pd
import pytest
import torch
from torch import nn

from isogloss.config import EwcParams, FinetuneParams, Params
from isogloss.errors import ModelError
from isogloss.mitigation import build_mitigation
from isogloss.mitigation.ewc import Ewc
from isogloss.mitigation.finetune import Finetune


def losses(model, batch):
    inputs, targets = batch
    return ((model(inputs) - targets) ** 2).sum(dim=1)


def data(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(16, 4, generator=generator), torch.randn(16, 2, generator=generator)


def model_and(mitigation):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    mitigation.start(model, ((x[None], y[None]) for x, y in zip(*data(1), strict=True)), losses)
    return model


def adapted(mitigation, steps=60):
    model = model_and(mitigation)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = losses(model, data(2)).mean()
        penalty = mitigation.penalty(model)
        optimizer.zero_grad()
        (loss if penalty is None else loss + penalty).backward()
        optimizer.step()
    return model


def displacement(model, mitigation):
    with torch.no_grad():
        return sum(
            (mitigation.fisher[name] * (p - mitigation.anchor[name]) ** 2).sum().item()
            for name, p in model.named_parameters()
        )


def test_the_penalty_is_half_strength_times_the_fisher_weighted_squared_displacement():
    mitigation = Ewc(EwcParams(strength=3.0, fisher_utterances=10))
    model = model_and(mitigation)
    assert mitigation.penalty(model).item() == 0.0
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5)
    expected = 0.5 * 3.0 * sum(fisher.sum() for fisher in mitigation.fisher.values()) * 0.25
    torch.testing.assert_close(mitigation.penalty(model), expected)


def test_strength_zero_is_fine_tuning_bit_for_bit():
    fine, zero = adapted(Finetune(FinetuneParams())), adapted(Ewc(EwcParams(strength=0.0)))
    assert all(torch.equal(a, b) for a, b in zip(fine.parameters(), zero.parameters(), strict=True))


def test_the_stronger_the_less_the_base_population_is_displaced():
    found = []
    for strength in (0.1, 10.0, 1e5):
        mitigation = Ewc(EwcParams(strength=strength))
        found.append(displacement(adapted(mitigation), mitigation))
    assert found[0] > found[1] > found[2]
    assert found[2] < 1e-4 * found[0]


def test_only_so_many_base_utterances_are_looked_at():
    few, all_of_them = Ewc(EwcParams(fisher_utterances=3)), Ewc(EwcParams(fisher_utterances=16))
    model_and(few), model_and(all_of_them)
    assert not torch.equal(few.fisher["0.weight"], all_of_them.fisher["0.weight"])


def test_a_penalty_before_the_fisher_is_refused():
    with pytest.raises(ModelError, match="call `start` first"):
        Ewc(EwcParams()).penalty(nn.Linear(1, 1))


def test_examples_are_the_adapt_utterances_of_the_worst_cohorts():
    table = pd.DataFrame(
        {
            "utterance_id": list("abcd"),
            "speaker_id": list("stuv"),
            "split": ["train", "adapt", "adapt", "adapt"],
            "cohort": ["far", "far", "near", "far"],
        }
    )
    mitigation = build_mitigation("finetune", Params())
    drawn = mitigation.examples(table, ["far"])
    assert drawn["utterance_id"].tolist() == ["b", "d"] and drawn["weight"].tolist() == [1.0, 1.0]
    with pytest.raises(ModelError, match="no utterance of the worst cohorts moon"):
        mitigation.examples(table, ["moon"])
