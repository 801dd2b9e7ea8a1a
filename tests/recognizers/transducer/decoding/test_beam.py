"""Beam search against all label sequences, scored by the transducer loss, and against plain loops."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.errors import ModelError
from isogloss.recognizers.transducer.decoding import beam_decode
from isogloss.recognizers.transducer.losses import transducer_loss_from_logits

FILTERS = 20


def noise(frames, seed):
    return 3.0 * torch.randn(1, frames, FILTERS, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def logits_of(model, features_BTF, tokens):
    """The whole lattice of one label sequence: (1, T', U+1, V)."""
    encoded_BTD, lengths_B = model.encode(features_BTF, torch.tensor([features_BTF.shape[1]]))
    predicted_BUP = model.predictor(torch.tensor([tokens], dtype=torch.long).reshape(1, -1))
    encoder_BTJ, predictor_BUJ = model.encoder_projection(encoded_BTD), model.predictor_projection(predicted_BUP)
    return model.output_layer(torch.tanh(encoder_BTJ[:, :, None] + predictor_BUJ[:, None])), lengths_B


def log_probability(model, features_BTF, tokens):
    """log P(tokens | features) by the transducer loss."""
    logits_BTUV, lengths_B = logits_of(model, features_BTF, tokens)
    targets_BU = torch.tensor([tokens], dtype=torch.long).reshape(1, -1)
    return -transducer_loss_from_logits(logits_BTUV, targets_BU, lengths_B, torch.tensor([len(tokens)])).item()


def log_probability_within(model, features_BTF, tokens, limit):
    """The same over alignments of at most `limit` tokens a frame: one frame after the other, number by number."""
    logits_BTUV, _ = logits_of(model, features_BTF, tokens)
    log_probs_TUV = logits_BTUV[0].double().log_softmax(-1)
    said = {0: 0.0}
    for frame_UV in log_probs_TUV:
        after: dict[int, float] = {}
        for before, score in said.items():
            for now in range(before, min(before + limit, len(tokens)) + 1):
                after[now] = _add(after.get(now, -math.inf), score + frame_UV[now, 0].item())
                if now < len(tokens):
                    score += frame_UV[now, tokens[now]].item()
        said = after
    return said.get(len(tokens), -math.inf)


def _add(first, second):
    high = max(first, second)
    return high if high == -math.inf else high + math.log(math.exp(first - high) + math.exp(second - high))


def sequences(vocabulary, longest):
    for length in range(longest + 1):
        yield from map(list, itertools.product(range(1, vocabulary), repeat=length))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 9), blank_bias=st.floats(0.0, 6.0))
def test_a_beam_that_keeps_all_finds_the_most_probable_labels_and_their_probability(
    seed, frames, blank_bias, talkative_model
):
    model = talkative_model(seed, vocabulary=3, blank_bias=blank_bias)
    features_BTF = noise(frames, seed)
    limit, encoded = 3, (frames + 2) // 3
    everything = sum(2**length for length in range(limit * encoded + 1))
    (found,) = beam_decode(
        model, *model.encode(features_BTF, torch.tensor([frames])), beam=everything, max_tokens_per_frame=limit
    )
    assert len(found) == everything
    assert len({tuple(hypothesis.tokens) for hypothesis in found}) == everything
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    by_tokens = {tuple(hypothesis.tokens): hypothesis.score for hypothesis in found}
    # Up to `limit` tokens no alignment is left out, so that the search and the loss mean the same probability.
    exhaustive = {tuple(y): log_probability(model, features_BTF, y) for y in sequences(3, limit)}
    for tokens, expected in exhaustive.items():
        assert by_tokens[tokens] == pytest.approx(expected, abs=1e-4)
    best = max(exhaustive, key=exhaustive.get)
    if len(found[0].tokens) <= limit:
        assert found[0].score == pytest.approx(exhaustive[best], abs=1e-4)
        assert exhaustive[tuple(found[0].tokens)] == pytest.approx(exhaustive[best], abs=1e-4)
    assert sum(math.exp(score) for score in by_tokens.values()) <= 1.0 + 1e-6


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 9), limit=st.integers(1, 2))
def test_only_alignments_within_the_tokens_of_a_frame_are_counted(seed, frames, limit, talkative_model):
    model = talkative_model(seed, vocabulary=3, blank_bias=1.0)
    features_BTF = noise(frames, seed)
    (found,) = beam_decode(
        model, *model.encode(features_BTF, torch.tensor([frames])), beam=127, max_tokens_per_frame=limit
    )
    for hypothesis in found[:: max(1, len(found) // 20)]:
        expected = log_probability_within(model, features_BTF, hypothesis.tokens, limit)
        assert hypothesis.score == pytest.approx(expected, abs=1e-4)


@settings(max_examples=12, deadline=None)
@given(lengths=st.lists(st.integers(1, 24), min_size=2, max_size=5), beam=st.integers(1, 5), seed=st.integers(0, 99))
def test_an_utterance_is_decoded_alike_alone_and_in_a_batch(lengths, beam, seed, talkative_model):
    model = talkative_model(seed)
    utterances = [noise(length, seed + length)[0] for length in lengths]
    features_BTF = torch.nn.utils.rnn.pad_sequence(utterances, batch_first=True)
    together = beam_decode(model, *model.encode(features_BTF, torch.tensor(lengths)), beam=beam)
    for utterance, hypotheses in zip(utterances, together, strict=True):
        (alone,) = beam_decode(model, *model.encode(utterance.unsqueeze(0), torch.tensor([len(utterance)])), beam=beam)
        assert [(h.tokens, h.frames) for h in hypotheses] == [(h.tokens, h.frames) for h in alone]
        assert [h.score for h in hypotheses] == pytest.approx([h.score for h in alone], abs=1e-4)


@torch.no_grad()
def one_hypothesis_by_the_book(model, features_BTF, limit):
    """The definition of a beam of one."""
    encoded_TD = model.encode(features_BTF, torch.tensor([features_BTF.shape[1]]))[0][0]
    tokens, score = [], 0.0
    for encoded_D in encoded_TD:
        chain, best = (list(tokens), score), (-math.inf, [])
        for _ in range(limit + 1):
            predicted_P = model.predictor(torch.tensor([chain[0]], dtype=torch.long).reshape(1, -1))[0, -1]
            encoder_J, predictor_J = model.encoder_projection(encoded_D), model.predictor_projection(predicted_P)
            log_probs_V = model.output_layer(torch.tanh(encoder_J + predictor_J)).double().log_softmax(-1)
            best = max(best, (chain[1] + log_probs_V[0].item(), chain[0]))
            token = log_probs_V[1:].argmax().item() + 1
            chain = ([*chain[0], token], chain[1] + log_probs_V[token].item())
        score, tokens = best
    return tokens, score


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 20), limit=st.integers(1, 4))
def test_a_beam_of_one_follows_its_definition(seed, frames, limit, talkative_model):
    model = talkative_model(seed)
    features_BTF = noise(frames, seed)
    (found,) = beam_decode(
        model, *model.encode(features_BTF, torch.tensor([frames])), beam=1, max_tokens_per_frame=limit
    )
    tokens, score = one_hypothesis_by_the_book(model, features_BTF, limit)
    assert [h.tokens for h in found] == [tokens]
    assert found[0].score == pytest.approx(score, abs=1e-4)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), beam=st.sampled_from([2, 8, 32]))
def test_no_score_exceeds_the_probability_of_its_tokens(seed, beam, talkative_model):
    model = talkative_model(seed)
    features_BTF = noise(15, seed)
    (found,) = beam_decode(model, *model.encode(features_BTF, torch.tensor([15])), beam=beam)
    for hypothesis in found:
        assert hypothesis.score <= log_probability(model, features_BTF, hypothesis.tokens) + 1e-4
        assert hypothesis.frames == sorted(hypothesis.frames)
        assert len(hypothesis.frames) == len(hypothesis.tokens)


def test_as_many_hypotheses_come_back_as_were_asked_for(talkative_model):
    model = talkative_model()
    arguments = (model, *model.encode(noise(12, 1), torch.tensor([12])))
    (three,) = beam_decode(*arguments, beam=6, nbest=3)
    (six,) = beam_decode(*arguments, beam=6)
    assert (len(three), len(six)) == (3, 6)
    assert three == six[:3]


@pytest.mark.parametrize("options", [{"beam": 0}, {"beam": 2, "nbest": 3}, {"nbest": 0}, {"max_tokens_per_frame": 0}])
def test_impossible_options_are_refused_by_name(options, talkative_model):
    model = talkative_model()
    with pytest.raises(ModelError, match="beam="):
        beam_decode(model, *model.encode(noise(6, 1), torch.tensor([6])), **options)
