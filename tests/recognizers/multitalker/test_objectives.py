"""Each part of the loss against its definition, computed another way."""

import pytest
import torch

from isogloss.corpus.conversations.turns import Turn
from isogloss.recognizers.multitalker.batches import MixtureBatch
from isogloss.recognizers.multitalker.objectives import (
    masking_loss,
    multitalker_losses,
    speech_activity,
    turn_bias,
)
from isogloss.recognizers.multitalker.recognizer import MultitalkerRecognizer
from isogloss.recognizers.multitalker.systems import Written, written
from isogloss.recognizers.transducer.losses.reference import reference_lattice_loss

TURNS = [Turn("u1", "s", "ab", 0.1, 0.9), Turn("u2", "t", "c", 0.6, 1.4), Turn("u3", "s", "d", 1.5, 1.8)]


@pytest.fixture
def batch():
    torch.manual_seed(1)
    features_BTF = torch.randn(2, 200, 20) - 5
    return MixtureBatch(
        ids=["c1", "c2"],
        turns=[TURNS, TURNS[:1]],
        features_BTF=features_BTF,
        lengths_B=torch.tensor([200, 150]),
        sources_BCTF=features_BTF[:, None] - torch.rand(2, 2, 200, 20) * 8,
    )


def start(single_talker, params, system):
    torch.manual_seed(0)
    return MultitalkerRecognizer.start_from(single_talker(), system, params).eval()


def test_the_transducer_loss_is_that_of_each_channel_with_turns_out_of_time_penalised(single_talker, params, batch):
    """By the definition on full log-probabilities, with the penalty put in by hand, channel by channel."""
    params = params.model_copy(update={"fastemit": 0.0, "end_of_turn_penalty": 0.3, "early_turn_penalty": 0.4})
    model = start(single_talker, params, "sts")
    inner, expected = model.transducer, 0.0
    with torch.no_grad():
        masks_BCTF = model.masks(batch.features_BTF, batch.lengths_B)
        for number, turns in enumerate(batch.turns):
            length = int(batch.lengths_B[number])
            for channel, one in enumerate(written(turns, model.tokens, "sts", where="c")):
                heard_TF = batch.features_BTF[number, :length] + masks_BCTF[number, channel, :length]
                encoded_1ND, lengths_1 = inner.encode(heard_TF[None], torch.tensor([length]))
                tokens_1U = torch.tensor([one.tokens], dtype=torch.long)
                hidden = inner.encoder_projection(encoded_1ND)[:, :, None]
                hidden = torch.tanh(hidden + inner.predictor_projection(inner.predictor(tokens_1U))[:, None])
                log_probs = inner.output_layer(hidden).log_softmax(-1)
                labels = torch.stack(
                    [log_probs[..., place, token] for place, token in enumerate(one.tokens)]
                    or [torch.zeros(1, encoded_1ND.shape[1])],
                    dim=-1,
                )
                for place, time in one.starts + one.ends:
                    for frame in range(labels.shape[1]):
                        labels[0, frame, place] -= 0.4 * max(0.0, time - 0.04 * frame - 0.0175) / 0.04
                for place, end in one.ends:
                    for frame in range(labels.shape[1]):
                        late = 0.04 * frame + 0.0175 - end - params.end_of_turn_buffer_s
                        labels[0, frame, place] -= 0.3 * max(0.0, late) / 0.04
                expected += float(
                    reference_lattice_loss(log_probs[..., 0], labels, lengths_1, torch.tensor([len(one.tokens)]))
                )
        found = multitalker_losses(model, batch, params)
    assert float(found.transducer) == pytest.approx(expected, rel=1e-5)
    assert found.tokens == sum(
        len(one.tokens) for turns in batch.turns for one in written(turns, model.tokens, "sts", where="c")
    )


def test_the_penalties_move_tokens_of_turns_and_no_other_token(single_talker, params):
    model = start(single_talker, params, "sts")
    said = written(TURNS, model.tokens, "sts", where="c")

    def biased(**penalties):
        return turn_bias(model, said, (60, 9), params.model_copy(update=penalties))

    late_RNU = biased(end_of_turn_penalty=0.2, early_turn_penalty=0.0)
    ends = {(row, place) for row, one in enumerate(said) for place, _ in one.ends}
    starts = {(row, place) for row, one in enumerate(said) for place, _ in one.starts}
    assert {(row, place) for row, place in (late_RNU != 0).any(dim=1).nonzero().tolist()} == ends
    assert (late_RNU <= 0).all() and (late_RNU.diff(dim=1) <= 1e-6).all()
    early_RNU = biased(end_of_turn_penalty=0.0, early_turn_penalty=0.2)
    assert {(row, place) for row, place in (early_RNU != 0).any(dim=1).nonzero().tolist()} == starts | ends
    assert (early_RNU <= 0).all() and (early_RNU.diff(dim=1) >= -1e-6).all()
    torch.testing.assert_close(biased(end_of_turn_penalty=0.2, early_turn_penalty=0.2), early_RNU + late_RNU)
    assert biased(end_of_turn_penalty=0.0, early_turn_penalty=0.0) is None
    assert turn_bias(model, [Written([1])], (9, 1), params) is None


def test_speech_activity_is_that_of_the_channels_turns(single_talker, params, batch):
    model = start(single_talker, params, "sts")
    active_RN = speech_activity(model, batch, 50)
    heard = [0.04 * frame + 0.0175 for frame in range(50)]
    spans = [[(0.1, 0.9), (1.5, 1.8)], [(0.6, 1.4)], [(0.1, 0.9)], []]
    for row, own in enumerate(spans):
        assert active_RN[row].tolist() == [float(any(a <= t <= b for a, b in own)) for t in heard]
    alone = start(single_talker, params, "tsot")
    assert speech_activity(alone, batch, 50)[0].tolist() == [
        float(any(a <= t <= b for a, b in spans[0] + spans[1])) for t in heard
    ]


def test_ideal_masks_have_no_loss_and_padding_counts_for_nothing(batch):
    ideal_BCTF = (batch.sources_BCTF - batch.features_BTF[:, None]).clamp(-6.0, 0.0)
    assert masking_loss(ideal_BCTF, batch, depth=6.0) == 0
    wrong_BCTF = ideal_BCTF.clone()
    wrong_BCTF[1, :, 150:] += 100.0
    assert masking_loss(wrong_BCTF, batch, depth=6.0) == 0
    wrong_BCTF[0, 1, 3, 4] += 2.0
    assert float(masking_loss(wrong_BCTF, batch, depth=6.0)) == pytest.approx(4.0 / (2 * 20 * 350))


def test_weights_and_switches_make_the_total(single_talker, params, batch, system):
    model = start(single_talker, params, system)
    if model.output_channels == 1:
        batch = MixtureBatch(batch.ids, batch.turns, batch.features_BTF, batch.lengths_B, batch.sources_BCTF[:, :1])
    losses = multitalker_losses(model, batch, params)
    weights = {"ctc_weight": 0.5, "masking_weight": 2.0, "speech_activity_weight": 3.0}
    total = losses.total(params.model_copy(update=weights))
    parts = (losses.transducer + 0.5 * losses.ctc) / losses.tokens + 2.0 * losses.masking + 3.0 * losses.activity
    assert total.item() == pytest.approx(parts.item(), rel=1e-6)
    off = losses.total(params.model_copy(update=dict.fromkeys(weights, 0.0)))
    assert off.item() == pytest.approx(losses.transducer.item() / losses.tokens, rel=1e-6)
    losses.total(params).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_fastemit_changes_the_gradient_and_not_the_value(single_talker, params, batch):
    found = []
    for strength in (0.0, 0.5):
        model = start(single_talker, params, "sts")
        losses = multitalker_losses(model, batch, params.model_copy(update={"fastemit": strength}))
        losses.transducer.backward()
        found.append((losses.transducer.item(), model.transducer.output_layer.bias.grad))
    assert found[0][0] == found[1][0] and not torch.allclose(found[0][1], found[1][1])
