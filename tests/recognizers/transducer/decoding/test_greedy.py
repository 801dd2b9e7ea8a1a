"""Batched greedy decoding against the definition, one utterance and one frame at a time."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.recognizers.transducer.decoding import greedy_decode


@torch.no_grad()
def by_the_book(model, features_TF, max_tokens_per_frame):
    encoded_TD = model.encode(features_TF.unsqueeze(0), torch.tensor([len(features_TF)]))[0][0]
    tokens, frames = [], []
    for frame, encoded_D in enumerate(encoded_TD):
        for _ in range(max_tokens_per_frame):
            predicted_UP = model.predictor(torch.tensor([tokens], dtype=torch.long).reshape(1, -1))[0]
            logits_V = model.output_layer(
                torch.tanh(model.encoder_projection(encoded_D) + model.predictor_projection(predicted_UP[-1]))
            )
            if (token := logits_V.argmax().item()) == 0:
                break
            tokens.append(token)
            frames.append(frame)
    return tokens, frames


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(1, 24), min_size=1, max_size=5), limit=st.integers(1, 4))
def test_a_batch_is_decoded_as_each_utterance_by_the_definition(lengths, limit, talkative_model):
    model = talkative_model()
    generator = torch.Generator().manual_seed(sum(lengths))
    utterances = [3.0 * torch.randn(length, 20, generator=generator) for length in lengths]
    features_BTF = torch.nn.utils.rnn.pad_sequence(utterances, batch_first=True)
    decoded = greedy_decode(model, *model.encode(features_BTF, torch.tensor(lengths)), max_tokens_per_frame=limit)
    for utterance, hypothesis in zip(utterances, decoded, strict=True):
        assert (hypothesis.tokens, hypothesis.frames) == by_the_book(model, utterance, limit)


def test_the_model_of_these_tests_emits_tokens_at_all(talkative_model):
    features_BTF = 3.0 * torch.randn(1, 30, 20, generator=torch.Generator().manual_seed(1))
    model = talkative_model()
    (hypothesis,) = greedy_decode(model, *model.encode(features_BTF, torch.tensor([30])))
    assert len(set(hypothesis.tokens)) > 1
    assert len(set(hypothesis.frames)) > 1
