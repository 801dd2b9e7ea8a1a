"""Whisper (Radford et al. 2022, 2212.04356) behind the port: any checkpoint in the Hugging Face layout.

The window may be shortened (our choice): the encoder's sinusoidal positions are cut to it, which spares most of the
encoder's time on short commands. A checkpoint that was trained with 30 s has to be adapted to a short window.

Shapes: B utterances, S samples, M mel filters, T encoder frames of 20 ms, N tokens, D channels, V vocabulary.
"""

import copy
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from isogloss.config import AsrParams, DecodingParams, Params
from isogloss.config.components import RecognizerComponent
from isogloss.config.section import PositiveInt, Section
from isogloss.errors import ModelError
from isogloss.recognizers.base import Hypothesis, Losses, Part, Recognizer
from isogloss.recognizers.batches import Batch, mean_over_time
from isogloss.recognizers.cohort_input import CohortInput
from isogloss.recognizers.per_utterance.gradients import Call, Gradients, Rows
from isogloss.recognizers.per_utterance.squares import squares_in_one_pass
from isogloss.recognizers.pretrained import checkpoint_gradients, pretrained_folder, read_pretrained, require_fit
from isogloss.recognizers.whisper_prompt import set_prompt
from isogloss.tables import read_json
from isogloss.weights import load_weights, write_weights

SAMPLING_RATE = 16_000
SAMPLES_PER_FRAME = 320
SEARCHED_SECONDS = 400
"""Largest total length, in seconds, of the windows that are decoded in one search."""
IGNORED = -100
"""The label of a position that no loss counts."""


class WhisperParams(Section):
    """A Whisper checkpoint, `asr.checkpoint`."""

    language: str | None = None
    """Language code of the speech, such as `en`, which a multilingual checkpoint must be given; null for a checkpoint
    of one language."""
    window_seconds: PositiveInt | None = None
    """Whole seconds of audio that the encoder takes; longer utterances are refused, shorter ones padded. null is the
    checkpoint's own window, 30. With short utterances, a shorter window saves most of the encoder's time, but the model
    has to be adapted to it (`asr.epochs`)."""
    targets: Literal["sentence", "verbatim"] = "sentence"
    """How references become training targets: sentence gives them a capital and a full stop, as the pretrained model
    writes; verbatim leaves them as they are."""
    max_tokens_per_second: Annotated[float, Field(gt=0)] = 20.0
    """Largest number of tokens of a hypothesis per second of its audio (plus 10); it bounds insertion loops. Speech has
    about 5."""
    no_repeat_ngram: PositiveInt | None = None
    """Length in tokens of the sequences that a hypothesis may have only once, as in `transformers`; it breaks loops in
    which a model repeats some words without end, and also what a speaker says twice. null is the checkpoint's own
    setting, usually none."""
    freeze_front_end: bool = False
    """Whether the two convolutions below the encoder are never trained."""
    gradient_checkpointing: bool = False
    """Whether layers are computed anew in the backward pass: less memory, more time, the same gradients."""


COMPONENT = RecognizerComponent(
    name="whisper", implementation="WhisperRecognizer", hears="audio", pretrained=True, options=WhisperParams
)


class WhisperRecognizer(Recognizer):
    """A Whisper model, its front end and its tokenizer.

    Parameters
    ----------
    model
        A `transformers.WhisperForConditionalGeneration`.
    tokenizer
        Its `WhisperTokenizer`.
    feature_extractor
        Its `WhisperFeatureExtractor`, which has the mel filters.
    language
        As `WhisperParams` has it.
    window_seconds
        Whole seconds of audio that the encoder sees; None for all the positions that the model has.
    targets, max_tokens_per_second, no_repeat_ngram, freeze_front_end, gradient_checkpointing
        As `WhisperParams` has them.
    cohorts, hidden_share
        Cohorts whose membership is an input, if any (see `CohortInput`); it shifts the log-mel features.

    Raises
    ------
    ModelError
        The window is longer than the checkpoint's positions, the sampling rate is not 16 kHz, the tokenizer is another
        model's, or the language is missing, unknown or not the checkpoint's to choose.
    """

    kind = COMPONENT.name
    hears = COMPONENT.hears
    mel_filters_FM: Tensor
    hann: Tensor

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        feature_extractor: Any,
        *,
        language: str | None = None,
        window_seconds: int | None = None,
        targets: Literal["sentence", "verbatim"] = "sentence",
        max_tokens_per_second: float = 20.0,
        no_repeat_ngram: int | None = None,
        freeze_front_end: bool = False,
        gradient_checkpointing: bool = False,
        cohorts: Sequence[str] = (),
        hidden_share: float = 0.0,
    ) -> None:
        super().__init__()
        require_fit(model, tokenizer, feature_extractor, sampling_rate=SAMPLING_RATE)
        self.model = model
        self.tokenizer = tokenizer
        self.feature_extractor = feature_extractor
        self.prompt, self._asked = set_prompt(model, tokenizer, language=language)
        self.options: dict[str, Any] = {
            "language": language,
            "targets": targets,
            "max_tokens_per_second": max_tokens_per_second,
            "no_repeat_ngram": no_repeat_ngram,
            "freeze_front_end": freeze_front_end,
            "gradient_checkpointing": gradient_checkpointing,
        }
        self.max_tokens_per_second = max_tokens_per_second
        if no_repeat_ngram is not None:  # saved with the model, so that it writes the same text elsewhere
            model.generation_config.no_repeat_ngram_size = no_repeat_ngram
        positions = model.config.max_source_positions
        if window_seconds is not None:
            self._cut_window(window_seconds)
        self.is_cut = self.model.config.max_source_positions < positions
        mels = self.model.config.num_mel_bins
        self.cohort_input = CohortInput(cohorts, dim=mels, hidden_share=hidden_share) if cohorts else None
        if cohorts:
            self.options |= {"cohorts": list(cohorts), "hidden_share": hidden_share}
        # The positions are sinusoids and are never trained.
        self.model.model.encoder.embed_positions.requires_grad_(False)
        if freeze_front_end:
            self.model.model.encoder.conv1.requires_grad_(False)
            self.model.model.encoder.conv2.requires_grad_(False)
        if gradient_checkpointing:
            checkpoint_gradients(model)
        self.register_buffer("mel_filters_FM", torch.tensor(feature_extractor.mel_filters).float(), persistent=False)
        self.register_buffer("hann", torch.hann_window(feature_extractor.n_fft), persistent=False)

    @property
    def window_seconds(self) -> int:
        """Seconds of audio that the encoder sees."""
        return self.model.config.max_source_positions * SAMPLES_PER_FRAME // SAMPLING_RATE

    def _cut_window(self, seconds: int) -> None:
        """Keep only the positions of the first `seconds`."""
        encoder = self.model.model.encoder
        frames = seconds * SAMPLING_RATE // SAMPLES_PER_FRAME
        if not 1 <= frames <= encoder.embed_positions.num_embeddings:
            raise ModelError(f"whisper.window_seconds is {seconds}; the checkpoint allows 1 to {self.window_seconds}")
        kept = nn.Embedding(frames, encoder.embed_positions.embedding_dim)
        kept.weight = nn.Parameter(encoder.embed_positions.weight[:frames].detach().clone(), requires_grad=False)
        encoder.embed_positions = kept
        encoder.max_source_positions = frames
        self.model.config.max_source_positions = frames
        extractor = self.feature_extractor
        extractor.chunk_length = seconds
        extractor.n_samples = frames * SAMPLES_PER_FRAME
        extractor.nb_max_frames = extractor.n_samples // extractor.hop_length

    def log_mel(self, audio_BS: Tensor, lengths_B: Tensor) -> Tensor:
        """Log-mel features of the window, (B, M, 2 T), as `WhisperFeatureExtractor` computes them, to rounding.

        Raises
        ------
        ModelError
            An utterance is longer than the window.
        """
        extractor = self.feature_extractor
        window = self.model.config.max_source_positions * SAMPLES_PER_FRAME
        if int(lengths_B.max()) > window:
            longest = int(lengths_B.max()) / SAMPLING_RATE
            raise ModelError(
                f"an utterance lasts {longest:.1f} s, but whisper.window_seconds is {self.window_seconds}; raise it, "
                "or leave longer utterances out"
            )
        within_BS = torch.arange(audio_BS.shape[1], device=audio_BS.device) < lengths_B[:, None]
        padded_BS = F.pad(audio_BS * within_BS, (0, max(0, window - audio_BS.shape[1])))[:, :window]
        spectrum = torch.stft(padded_BS, extractor.n_fft, extractor.hop_length, window=self.hann, return_complex=True)
        power_BFT = spectrum[..., :-1].abs().square().contiguous()
        log_BMT = (self.mel_filters_FM.T @ power_BFT).clamp(min=1e-10).log10()
        log_BMT = torch.maximum(log_BMT, log_BMT.amax(dim=(1, 2), keepdim=True) - 8.0)
        return (log_BMT + 4.0) / 4.0

    def features(self, batch: Batch) -> Tensor:
        """The input of the encoder, (B, M, 2 T): log-mel features, shifted by the cohort if that is an input."""
        log_BMT = self.log_mel(batch.audio(), batch.lengths_B)
        return log_BMT if self.cohort_input is None else log_BMT + self.cohort_input(batch.cohorts)[:, :, None]

    def encode(self, batch: Batch) -> Tensor:
        """The encoder's frames, (B, T, D)."""
        frames_BTD: Tensor = self.model.model.encoder(self.features(batch)).last_hidden_state
        return frames_BTD

    @torch.no_grad()
    def embed(self, batch: Batch) -> Tensor:
        """The mean of the frames that hold the utterance."""
        return mean_over_time(self.encode(batch), _frames(batch.lengths_B))

    @property
    def embedding_dim(self) -> int:
        """The width of the model."""
        return int(self.model.config.d_model)

    def losses(self, batch: Batch) -> Losses:
        """Cross-entropy of each transcript's tokens and of the end of text, in nats."""
        encoded_BTD = self.encode(batch)
        inputs_BN, labels_BN = self._teacher(batch.texts, device=encoded_BTD.device)
        positions_BN = torch.arange(inputs_BN.shape[1], device=inputs_BN.device).expand_as(inputs_BN)
        decoded_BND = self.model.model.decoder(
            input_ids=inputs_BN, encoder_hidden_states=encoded_BTD, position_ids=positions_BN, use_cache=False
        ).last_hidden_state
        logits_BNV = self.model.proj_out(decoded_BND)
        logits_BVN = logits_BNV.to(torch.promote_types(logits_BNV.dtype, torch.float32)).transpose(1, 2)
        loss_BN = F.cross_entropy(logits_BVN, labels_BN, reduction="none", ignore_index=IGNORED)
        return Losses(
            loss_B=loss_BN.sum(dim=1),
            units_B=(labels_BN != IGNORED).sum(dim=1),
            embedding_BD=mean_over_time(encoded_BTD.detach(), _frames(batch.lengths_B)),
        )

    def squares(self, batch: Batch) -> dict[str, Tensor] | None:
        """Sum over the batch of squared per-utterance gradients, by parameter name, in one backward pass."""
        from transformers.models.whisper.modeling_whisper import WhisperPositionalEmbedding

        return squares_in_one_pass(self, batch, formulas={WhisperPositionalEmbedding: _positions})

    def _teacher(self, texts: Sequence[str], *, device: torch.device) -> tuple[Tensor, Tensor]:
        """Inputs and labels of teacher forcing, (B, N) each: prefix and text; text and end, padding not counted."""
        prefix, end = self.prompt, self.model.config.eos_token_id
        rows = [self.tokenizer(self.target(text), add_special_tokens=False).input_ids for text in texts]
        limit = self.model.config.max_target_positions
        longest = max(len(row) for row in rows) + len(prefix)
        if longest > limit:
            raise ModelError(f"a transcript has {longest} tokens with its prefix, the model allows {limit}; cut it up")
        inputs = [torch.tensor([*prefix, *row]) for row in rows]
        labels = [torch.tensor([*[IGNORED] * (len(prefix) - 1), *row, end]) for row in rows]
        return (
            nn.utils.rnn.pad_sequence(inputs, batch_first=True, padding_value=end).to(device),
            nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=IGNORED).to(device),
        )

    def target(self, text: str) -> str:
        """The target text of a reference; Whisper's texts begin with a space."""
        if self.options["targets"] == "sentence" and text:
            text = text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")
        return f" {text}"

    @torch.no_grad()
    def transcribe(self, batch: Batch, decoding: DecodingParams) -> list[Hypothesis]:
        """Greedy or beam search, each hypothesis cut at its own limit of tokens.

        The windows of one search have at most `SEARCHED_SECONDS` in total, since the encoder always gets whole windows,
        even for short utterances.
        """
        at_once = max(1, SEARCHED_SECONDS // self.window_seconds)
        parts = [batch.rows(slice(start, start + at_once)) for start in range(0, len(batch), at_once)]
        return [hypothesis for part in parts for hypothesis in self._search(part, decoding)]

    def _search(self, batch: Batch, decoding: DecodingParams) -> list[Hypothesis]:
        """Transcribe all utterances in one search."""
        from transformers import StoppingCriteriaList
        from transformers.modeling_outputs import BaseModelOutput

        seconds_B = (batch.lengths_B.float() / SAMPLING_RATE).tolist()
        limits = [math.ceil(self.max_tokens_per_second * seconds) + 10 for seconds in seconds_B]
        room = self.model.config.max_target_positions - len(self.prompt) - 1
        encoded_BTD = self.encode(batch)
        embedding_BD = mean_over_time(encoded_BTD, _frames(batch.lengths_B)).float().cpu().numpy()
        found_BN = self.model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded_BTD),
            max_new_tokens=min(max(limits), room),
            num_beams=decoding.beam if decoding.method == "beam" else 1,
            do_sample=False,
            stopping_criteria=StoppingCriteriaList([_own_limit(limits, prompt=len(self.prompt))]),
            **self._asked,
        )
        special = {number for number, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        found = []
        for row_N, limit, embedding_D in zip(found_BN.tolist(), limits, embedding_BD, strict=True):
            spoken = [token for token in row_N if token not in special][:limit]
            found.append(Hypothesis(self.tokenizer.decode(spoken).strip(), embedding_D=embedding_D))
        return found

    def part(self, parameter_name: str) -> Part:
        """The encoder and its cohort input are acoustic, the decoder with its embeddings is language."""
        return "acoustic" if parameter_name.startswith(("model.model.encoder.", "cohort_input.")) else "language"

    def low_rank_layers(self) -> list[str]:
        """The layers of encoder and decoder, without the output layer, whose weight is that of the token embeddings."""
        return [name for name in super().low_rank_layers() if name != "model.proj_out"]

    def with_cohort_input(self, cohorts: Sequence[str], *, hidden_share: float) -> Self:
        """A copy whose log-mel features are shifted by the cohort; all shifts begin at zero."""
        options = self.options | {"cohorts": cohorts, "hidden_share": hidden_share}
        return type(self)(copy.deepcopy(self.model), self.tokenizer, self.feature_extractor, **options)

    def save(self, folder: Path) -> None:
        """Write the Hugging Face layout, which `transformers` opens, and `model.json`.

        A cohort input, which `transformers` does not support, goes to `cohort_input.safetensors`.
        """
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.feature_extractor.save_pretrained(folder)
        if self.cohort_input is not None:
            write_weights(self.cohort_input.state_dict(), folder / "cohort_input.safetensors")
        text = json.dumps({"kind": self.kind, **self.options}, indent=2)
        (folder / "model.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote, in evaluation mode, in float32, on the CPU."""
        options = {key: value for key, value in read_json(folder / "model.json").items() if key != "kind"}
        recognizer = cls.from_checkpoint(folder, **options)
        if recognizer.cohort_input is not None:
            load_weights(recognizer.cohort_input, folder / "cohort_input.safetensors")
        return recognizer

    @classmethod
    def new(cls, params: Params, data: Path) -> Self:
        """The checkpoint that `asr.checkpoint` names, with the options of section `whisper`.

        It warns if the window is shorter than the checkpoint's and no epoch adapts the model to it.
        """
        options = params.section(cls.kind).model_dump()
        recognizer = cls.from_checkpoint(pretrained_folder(params.asr), **options)
        if params.asr.epochs == 0 and recognizer.is_cut:
            print(
                f"whisper.window_seconds is {recognizer.window_seconds} and asr.epochs is 0: a checkpoint that has not "
                "been adapted to a short window repeats itself; set asr.epochs to 1 or more, or the window to null",
                flush=True,
            )
        return recognizer

    @classmethod
    def base_options(cls, params: Params) -> list[Any]:
        """Sections `asr` and `whisper`."""
        return [params.asr, params.section(cls.kind)]

    @classmethod
    def base_epochs(cls, asr: AsrParams) -> int:
        """`asr.epochs`."""
        return asr.epochs

    @classmethod
    def from_checkpoint(cls, folder: Path, **options: Any) -> Self:
        """Any Whisper checkpoint in the Hugging Face layout, in evaluation mode, in float32.

        Raises
        ------
        ModelError
            The files are not those of a Whisper model.
        """
        from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

        model = read_pretrained(WhisperForConditionalGeneration, folder, dtype=torch.float32, use_safetensors=True)
        tokenizer = read_pretrained(WhisperTokenizer, folder)
        extractor = read_pretrained(WhisperFeatureExtractor, folder)
        return cls(model, tokenizer, extractor, **options).eval()


def _frames(lengths_B: Tensor) -> Tensor:
    """The number of encoder frames that hold the utterance; padding of the window follows."""
    return (lengths_B + SAMPLES_PER_FRAME - 1) // SAMPLES_PER_FRAME


def _own_limit(limits: Sequence[int], *, prompt: int) -> Callable[..., Tensor]:
    """A stopping criterion by which each utterance's hypotheses end at its own limit of tokens, whatever its batch."""

    def at_limit(tokens_RN: Tensor, *_: Any, **__: Any) -> Tensor:
        # The rows are hypotheses; those of an utterance stand side by side.
        limits_R = torch.tensor(limits, device=tokens_RN.device).repeat_interleave(len(tokens_RN) // len(limits))
        return tokens_RN.shape[1] - prompt >= limits_R

    return at_limit


def _positions(_: nn.Module, __: Call, gradient_BNC: Tensor) -> Gradients:
    """Learned positions: the first N rows of the table, whatever the tokens are."""
    positions_BN = torch.arange(gradient_BNC.shape[1], device=gradient_BNC.device).expand(gradient_BNC.shape[:2])
    return {"weight": Rows(positions_BN, gradient_BNC)}
