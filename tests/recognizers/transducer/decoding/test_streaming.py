"""Text from batches, from single utterances and from streams is the same, with every encoder and any chunks."""

import functools
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.features import FRAMES_PER_SECOND, feature_extractor
from isogloss.corpus.frontend.samples import SAMPLING_RATE
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import CorpusError
from isogloss.recognizers.transducer import TransducerRecognizer
from isogloss.recognizers.transducer.decoding import greedy_decode
from isogloss.recognizers.transducer.encoders import encoder_names, encoder_options

FILTERS = 40
TOKENS = Tokens.of(["a to g.", "abcdef"])


@functools.cache
def talkative(encoder):
    """The first random model of an encoder's small size that says different things, and not in every frame."""
    features_TF = features_of(audio(16_000, 1))
    for seed in range(100):
        model = random_model(encoder, seed, features_TF)
        (hypothesis,) = greedy_decode(model, *model.encode(features_TF.unsqueeze(0), torch.tensor([len(features_TF)])))
        if len(set(hypothesis.tokens)) > 3 and 5 < len(set(hypothesis.frames)) < 20:
            return model
    raise AssertionError(f"no random {encoder} is talkative")


def random_model(encoder, seed, features_TF):
    """A model whose joiner is as sensitive to the audio as to the history, and whose blank often wins."""
    torch.manual_seed(seed)
    model = TransducerRecognizer(
        TOKENS,
        encoder=encoder,
        encoder_options=encoder_options(encoder),
        input_dim=FILTERS,
        predictor_dim=16,
        joiner_dim=24,
    ).eval()
    with torch.no_grad():
        model.feature_mean_F.copy_(features_TF.mean(dim=0))
        model.feature_scale_F.copy_(features_TF.std(dim=0))
        encoded_TD = model.encode(features_TF.unsqueeze(0), torch.tensor([len(features_TF)]))[0][0]
        predicted_TP = model.predictor(torch.randint(1, len(TOKENS), (1, len(encoded_TD) - 1)))[0]
        encoder_TJ, history_TJ = model.encoder_projection(encoded_TD), model.predictor_projection(predicted_TP)
        model.encoder_projection.weight.div_(encoder_TJ.std(dim=0)[:, None])
        model.predictor_projection.weight.div_(history_TJ.std(dim=0)[:, None])
        encoder_TJ, history_TJ = model.encoder_projection(encoded_TD), model.predictor_projection(predicted_TP)
        model.encoder_projection.bias.sub_(encoder_TJ.mean(dim=0) + history_TJ.mean(dim=0))
        logits_TV = model.join_step(model.encoder_projection(encoded_TD), history_TJ)
        model.output_layer.bias.sub_(logits_TV.mean(dim=0))
        logits_TV = model.join_step(model.encoder_projection(encoded_TD), history_TJ)
        model.output_layer.bias[0] += (logits_TV[:, 1:].amax(dim=1) - logits_TV[:, 0]).quantile(0.6)
    return model


def audio(samples, seed):
    """Noise whose level wanders, so that not all frames are alike."""
    generator = np.random.default_rng(seed)
    knots = np.arange(0, samples + 1600, 1600)
    level_N = np.interp(np.arange(samples), knots, generator.uniform(0.0, 1.0, len(knots)))
    return (level_N * generator.normal(0.0, 0.3, samples)).astype(np.float32)


def heard(model, chunks):
    """The hypothesis after each chunk, and the final one."""
    stream = model.stream(decoding=DecodingParams())
    return [*map(stream.accept, chunks), stream.finish()]


def features_of(audio_N):
    return torch.from_numpy(feature_extractor(FILTERS).extract(audio_N, SAMPLING_RATE))


@pytest.mark.parametrize("encoder", encoder_names())
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_batch_single_and_stream_say_the_same(encoder, data):
    model = talkative(encoder)
    samples = data.draw(st.lists(st.integers(500, 16_000), min_size=2, max_size=3))
    recordings = [audio(number, number) for number in samples]
    features = [features_of(audio_N) for audio_N in recordings]
    lengths = [len(features_TF) for features_TF in features]
    padded_BTF = torch.nn.utils.rnn.pad_sequence(features, batch_first=True)
    together = greedy_decode(model, *model.encode(padded_BTF, torch.tensor(lengths)))
    for audio_N, features_TF, batched in zip(recordings, features, together, strict=True):
        (alone,) = greedy_decode(model, *model.encode(features_TF.unsqueeze(0), torch.tensor([len(features_TF)])))
        edges = sorted(data.draw(st.lists(st.integers(0, len(audio_N)), max_size=8)))
        edges = [0, *edges, len(audio_N)]
        chunks = [audio_N[start:end] for start, end in itertools.pairwise(edges)]
        *partials, final = heard(model, chunks)
        assert final.text == TOKENS.decode(batched.tokens) == TOKENS.decode(alone.tokens)
        assert list(final.tokens) == batched.tokens == alone.tokens
        seconds = [frame * model.encoder.subsampling / FRAMES_PER_SECOND for frame in batched.frames]
        assert list(final.times) == pytest.approx(seconds)
        for earlier, later in itertools.pairwise([*partials, final]):
            assert later.tokens[: len(earlier.tokens)] == earlier.tokens
            assert later.times[: len(earlier.times)] == earlier.times
        assert [partial.is_final for partial in partials] == [False] * len(chunks)
        assert final.is_final


@pytest.mark.parametrize("encoder", encoder_names())
def test_no_token_comes_before_its_audio_and_none_waits_longer_than_its_window(encoder):
    model, audio_N, step = talkative(encoder), audio(16_000, 5), 16
    stream = model.stream(decoding=DecodingParams())
    seen = 0
    for end in range(step, len(audio_N) + 1, step):
        partial = stream.accept(audio_N[end - step : end])
        for time in partial.times[seen:]:
            # The window of the frame ends 17.5 ms after its 10 ms began; chunks here are 1 ms.
            assert 0.0175 <= end / SAMPLING_RATE - time < 0.0175 + step / SAMPLING_RATE + 1e-9
        seen = len(partial.tokens)
    assert seen > 0


def test_streams_of_one_recognizer_do_not_disturb_each_other():
    recognizer = talkative("lstm")
    first, second = audio(12_000, 1), audio(12_000, 2)
    alone = [heard(recognizer, [audio_N])[-1] for audio_N in (first, second)]
    streams = [recognizer.stream(decoding=DecodingParams()) for _ in range(2)]
    for at in range(0, 12_000, 3000):
        for stream, audio_N in zip(streams, (first, second), strict=True):
            stream.accept(audio_N[at : at + 3000])
    assert [stream.finish() for stream in streams] == alone
    assert alone[0].tokens != alone[1].tokens


@pytest.mark.parametrize("encoder", encoder_names())
@pytest.mark.parametrize("samples", [0, 100])
def test_silence_too_short_for_a_frame_has_no_text(encoder, samples):
    *_, final = heard(talkative(encoder), [audio(samples, 1)])
    assert (final.text, final.tokens, final.is_final) == ("", (), True)


def test_a_finished_stream_takes_no_more_audio():
    stream = talkative("lstm").stream(decoding=DecodingParams())
    stream.finish()
    with pytest.raises(CorpusError, match="has ended"):
        stream.accept(audio(100, 1))
