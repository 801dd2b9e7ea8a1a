"""A multi-talker model starts from a single-talker one, is saved whole, and hears a stream as it hears the whole."""

import pytest
import torch

from isogloss.errors import ModelError
from isogloss.recognizers import save_recognizer
from isogloss.recognizers.multitalker.recognizer import MultitalkerRecognizer
from isogloss.recognizers.multitalker.streaming import token_time


def streamed(model, samples_N, chunks):
    stream, at = model.stream(), 0
    for chunk in chunks:
        stream.accept(samples_N[at : at + chunk])
        at += chunk
    stream.accept(samples_N[at:])
    return stream.finish()


@pytest.mark.parametrize("encoder", ["lstm", "conformer"])
@pytest.mark.parametrize("seconds", [0.005, 0.02, 0.33, 3.001])
def test_a_stream_says_what_the_whole_says_for_odd_chunkings(talkative, noise, whole, system, encoder, seconds):
    """Chunks of single samples, of primes and of none at all, of mixtures with any remainder of frames."""
    model = talkative(system, encoder)
    samples_N = noise(seconds)
    (expected,) = whole(model, samples_N) if seconds > 0.01 else ([],)
    for chunks in ([], [1] * 50, [0, 997, 0, 13] * 9, [160] * 7, [len(samples_N) - 1, 1]):
        assert streamed(model, samples_N, chunks) == expected


def test_a_mixture_does_not_depend_on_its_neighbours_in_the_batch(talkative, noise, whole, system):
    model = talkative(system)
    mixtures = [noise(1.37, 1), noise(2.9, 2), noise(0.51, 3)]
    assert whole(model, *mixtures) == [whole(model, one)[0] for one in mixtures]


def test_masks_know_no_later_audio_than_the_encoder_frame_that_hears_them(talkative):
    """The masks of the frames up to 4n do not change with what follows frame 4n."""
    model, lengths_B = talkative("sts"), torch.tensor([41])
    features_BTF = torch.randn(1, 41, 20)
    masks_BCTF = model.masks(features_BTF, lengths_B)
    for n in (0, 3, 9):
        changed_BTF = features_BTF.clone()
        changed_BTF[:, 4 * n + 1 :] += 1.0
        assert model.masks(changed_BTF, lengths_B)[:, :, : 4 * n + 1].equal(masks_BCTF[:, :, : 4 * n + 1])
    assert masks_BCTF.shape == (1, 2, 41, 20)
    assert (masks_BCTF <= 0).all() and (masks_BCTF >= -model.separator.depth).all()


@pytest.mark.parametrize("encoder", ["lstm", "conformer"])
def test_a_frame_knows_no_audio_after_the_time_that_its_tokens_are_given(talkative, encoder):
    """Feature frame k is of the audio up to 10 k + 17.5 ms."""
    model, lengths_B = talkative("sts", encoder), torch.tensor([41])
    features_BTF = torch.randn(1, 41, 20)
    encoded_RND, _ = model.encode(features_BTF, model.masks(features_BTF, lengths_B), lengths_B)
    for n in range(9):
        changed_BTF = features_BTF.clone()
        changed_BTF[:, round(100 * (token_time(model.transducer.encoder, n) - 0.0175)) + 1 :] += 1.0
        changed_RND, _ = model.encode(changed_BTF, model.masks(changed_BTF, lengths_B), lengths_B)
        assert torch.allclose(changed_RND[:, : n + 1], encoded_RND[:, : n + 1], atol=1e-6)
        assert not torch.allclose(changed_RND, encoded_RND, atol=1e-6)


def test_a_channel_hears_the_mixture_with_its_energies_lowered_by_the_mask(talkative):
    model = talkative("sts")
    features_BTF, lengths_B = torch.randn(2, 30, 20) - 5, torch.tensor([30, 22])
    masks_BCTF = model.masks(features_BTF, lengths_B)
    encoded_RND, lengths_R = model.encode(features_BTF, masks_BCTF, lengths_B)
    assert lengths_R.tolist() == [8, 8, 6, 6]
    for number in range(2):
        for channel in range(2):
            energies_TF = torch.log(features_BTF[number].exp() * masks_BCTF[number, channel].exp())
            alone_1ND, _ = model.transducer.encode(energies_TF[None], lengths_B[number : number + 1])
            frames = int(lengths_R[2 * number])
            assert torch.allclose(encoded_RND[2 * number + channel, :frames], alone_1ND[0, :frames], atol=1e-4)


def test_training_starts_from_the_single_talker(single_talker, params, system):
    """With masks that take nothing away, channel by channel what the base says."""
    base = single_talker().eval()
    model = MultitalkerRecognizer.start_from(base, system, params).eval()
    features_BTF, lengths_B = torch.randn(1, 40, 20) - 5, torch.tensor([40])
    encoded_RND, _ = model.encode(features_BTF, torch.zeros(1, model.output_channels, 40, 20), lengths_B)
    expected_BND, _ = base.encode(features_BTF, lengths_B)
    assert torch.allclose(encoded_RND, expected_BND.expand_as(encoded_RND), atol=1e-6)
    for new, old in zip(model.transducer.output_layer.parameters(), base.output_layer.parameters(), strict=True):
        assert torch.equal(new[: len(base.tokens)], old) and len(new) == len(model.tokens)
    fresh = MultitalkerRecognizer.start_from(base, system, params.model_copy(update={"from_base": False}))
    assert not torch.equal(fresh.transducer.ctc_layer.weight[:4], base.ctc_layer.weight[:4])
    assert torch.equal(fresh.transducer.feature_mean_F, base.feature_mean_F)


def test_a_saved_model_says_the_same(talkative, noise, whole, system, tmp_path):
    model = talkative(system)
    model.save(tmp_path / "model")
    read = MultitalkerRecognizer.load(tmp_path / "model")
    assert read.system == system and read.tokens == model.tokens
    assert whole(read, noise(1.0)) == whole(model, noise(1.0))


def test_a_recogniser_of_single_talkers_is_no_model_of_turns(single_talker, tmp_path):
    save_recognizer(single_talker(), tmp_path / "base")
    with pytest.raises(ModelError, match="recogniser of single talkers, which marks no turns"):
        MultitalkerRecognizer.load(tmp_path / "base")
    with pytest.raises(ModelError, match="holds no model of overlapping talkers: it has no model"):
        MultitalkerRecognizer.load(tmp_path)
