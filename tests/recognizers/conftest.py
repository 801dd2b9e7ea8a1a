"""Tiny pretrained recognisers with random weights, in the layout in which people bring theirs."""

import json
from pathlib import Path

import pytest
import torch

from isogloss.recognizers.batches import Batch

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'"


def speech(*seconds: float, texts: list[str], seed: int = 0) -> Batch:
    """A batch of noise with transcripts."""
    generator = torch.Generator().manual_seed(seed)
    audio = [0.1 * torch.randn(round(16_000 * length), generator=generator) for length in seconds]
    return Batch(
        ids=[f"u{number}" for number in range(len(audio))],
        cohorts=[""] * len(audio),
        audio_BS=torch.nn.utils.rnn.pad_sequence(audio, batch_first=True),
        lengths_B=torch.tensor([len(samples) for samples in audio]),
        texts=texts,
    )


def write_whisper(folder: Path, *, seed: int = 0, languages: tuple[str, ...] = (), size: int | None = None) -> Path:
    """A Whisper of two layers whose tokenizer knows single bytes alone, and tokens of languages if there are any.

    The model has as many tokens as the tokenizer, or `size`.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizerFast,
    )

    vocabulary = {token: number for number, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    spoken = tuple(f"<|{language}|>" for language in languages)
    tasks = ("<|translate|>", "<|transcribe|>")
    names = ("<|endoftext|>", "<|startoftranscript|>", *spoken, *tasks, "<|notimestamps|>")
    core.add_special_tokens([AddedToken(name, special=True) for name in names])
    ids = {name: core.token_to_id(name) for name in ("<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>")}
    tokenizer = WhisperTokenizerFast(
        tokenizer_object=core, unk_token="<|endoftext|>", bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    )
    torch.manual_seed(seed)
    end, start, plain = ids.values()
    config = WhisperConfig(
        vocab_size=size or core.get_vocab_size(),
        num_mel_bins=80,
        d_model=16,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_target_positions=128,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=start,
        begin_suppress_tokens=None,
        suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        decoder_start_token_id=start,
        eos_token_id=end,
        pad_token_id=end,
        bos_token_id=end,
        no_timestamps_token_id=plain,
        is_multilingual=bool(languages),
        lang_to_id={token: core.token_to_id(token) for token in spoken},
        task_to_id={task: core.token_to_id(f"<|{task}|>") for task in ("transcribe", "translate")},
        return_timestamps=False,
        max_length=128,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


def write_wav2vec2(folder: Path, *, norm: str = "layer", seed: int = 0) -> Path:
    """A wav2vec2 of two layers with capital letters for tokens."""
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    folder.mkdir(parents=True, exist_ok=True)
    tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    torch.manual_seed(seed)
    config = Wav2Vec2Config(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        conv_bias=norm == "layer",
        feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer",
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
        mask_time_prob=0.0,
        layerdrop=0.0,  # one training step in a hundred would skip both layers
    )
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer").save_pretrained(folder)
    return folder


def write_parakeet(folder: Path, *, seed: int = 0) -> Path:
    """A Parakeet-CTC of two layers, whose front end gives log-mel features, with letters for tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import ParakeetCTCConfig, ParakeetFeatureExtractor, ParakeetForCTC, ParakeetTokenizer

    tokens = ["<unk>", "\u2581", *LETTERS.lower(), "<pad>"]
    core = Tokenizer(models.BPE(vocab={token: n for n, token in enumerate(tokens)}, merges=[], unk_token="<unk>"))
    core.pre_tokenizer, core.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    torch.manual_seed(seed)
    encoder = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "subsampling_conv_channels": 4,
        "num_mel_bins": 80,
        "layerdrop": 0.0,
    }
    config = ParakeetCTCConfig(vocab_size=len(tokens), pad_token_id=len(tokens) - 1, encoder_config=encoder)
    ParakeetForCTC(config).save_pretrained(folder)
    ParakeetTokenizer(tokenizer_object=core, unk_token="<unk>", pad_token="<pad>").save_pretrained(folder)
    ParakeetFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="session", params=["layer", "group"])
def tiny_wav2vec2(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav2vec2(tmp_path_factory.mktemp("wav2vec2") / request.param, norm=request.param)


@pytest.fixture
def make_speech():
    return speech


@pytest.fixture
def make_whisper():
    return write_whisper


@pytest.fixture
def make_wav2vec2():
    return write_wav2vec2


@pytest.fixture
def make_parakeet():
    return write_parakeet
