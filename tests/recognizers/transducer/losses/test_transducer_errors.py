"""Impossible input ends in one sentence that says where and why."""

import dataclasses

import pytest
import torch

from isogloss.errors import ModelError
from isogloss.recognizers.transducer.losses import transducer_loss, transducer_loss_from_logits


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"encoder_lengths": torch.tensor([4, 0])},
            "utterance 1: encoder length 0 must be between 1 and the 4",
        ),
        ({"encoder_lengths": torch.tensor([5, 2])}, "utterance 0: encoder length 5"),
        ({"encoder_lengths": torch.tensor([4])}, "encoder_lengths has shape"),
        ({"encoder_lengths": torch.tensor([4.0, 2.0])}, "encoder_lengths must be integers"),
        ({"token_lengths": torch.tensor([2, 4])}, "utterance 1: token length 4 must be between 0 and 3"),
        ({"token_lengths": torch.tensor([-1, 3])}, "utterance 0: token length -1"),
        ({"tokens": torch.tensor([[1, 2, 0], [1, 5, 3]])}, "utterance 1: token 1 is 5, but .* 0 to 4"),
        ({"tokens": torch.tensor([[1, -2, 0], [1, 2, 3]])}, "utterance 0: token 1 is -2"),
        ({"tokens": torch.tensor([[1, 2, 0], [1, 0, 3]])}, "utterance 1: token 1 is 0, the blank"),
        ({"tokens": torch.tensor([[1, 2, 0, 0], [1, 2, 3, 0]])}, r"need \(2, 3\)"),
        ({"predictor": torch.zeros(2, 4, 3)}, "widths 4 and 3, but the output layer takes 4"),
        ({"predictor": torch.zeros(3, 4, 4)}, "2 utterances and predictor 3"),
        ({"encoder": torch.zeros(2, 4)}, r"not \(2, 4\)"),
        (
            {
                "encoder": torch.zeros(0, 4, 4),
                "predictor": torch.zeros(0, 4, 4),
                "tokens": torch.zeros(0, 3, dtype=torch.long),
            },
            "no utterance",
        ),
    ],
)
def test_impossible_targets_and_shapes_are_named(oracle, change, message):
    case = dataclasses.replace(oracle.case([4, 2], [2, 3], dtype=torch.float32), **change)
    with pytest.raises(ModelError, match=message):
        transducer_loss(*case.arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blank": 5}, "blank is 5"),
        ({"fastemit": -0.1}, "must be 0 or more"),
        ({"delay_penalty": -0.1}, "must be 0 or more"),
        ({"reduction": "average"}, "reduction is 'average'"),
    ],
)
def test_impossible_options_are_named(oracle, options, message):
    case = oracle.case([4, 2], [2, 3])
    with pytest.raises(ModelError, match=message):
        transducer_loss(*case.arguments, **options)
    with pytest.raises(ModelError, match=message):
        transducer_loss_from_logits(case.logits(), *case.targets, **options)


def test_logits_without_four_axes_are_refused(oracle):
    case = oracle.case([4, 2], [2, 3])
    with pytest.raises(ModelError, match="logits must be"):
        transducer_loss_from_logits(case.logits()[0], *case.targets)


def test_tokens_beyond_their_length_may_be_anything(oracle):
    case = oracle.case([4, 2], [2, 3])
    loss = transducer_loss(*case.arguments)
    case.tokens[0, 2] = 99
    assert torch.equal(transducer_loss(*case.arguments), loss)
