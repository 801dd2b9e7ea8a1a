"""The transducer behind the port of a recogniser.

Shape legend in `isogloss.recognizers.transducer`.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from isogloss.config import AsrParams, DecodingParams, Params
from isogloss.config.components import RecognizerComponent
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import ModelError
from isogloss.recognizers.base import Cost, Hypothesis, Losses, Part, Recognizer
from isogloss.recognizers.batches import Batch, mean_over_time
from isogloss.recognizers.transducer.decoding import RecognitionStream, TokenSequence, beam_decode, greedy_decode
from isogloss.recognizers.transducer.flops import FRAME_SECONDS, encoder_cost
from isogloss.recognizers.transducer.model import SimpleJoiner, Transducer
from isogloss.recognizers.transducer.objectives import Targets, ctc_losses, transducer_losses
from isogloss.recognizers.transducer.sampled import sampled_tokens
from isogloss.recognizers.transducer.squares import squared_gradients
from isogloss.tables import read_json
from isogloss.weights import load_weights, write_weights

COMPONENT = RecognizerComponent(name="transducer", hears="features", implementation="TransducerRecognizer")

PARTS: dict[str, Part] = {
    "cohort_input": "acoustic",
    "encoder": "acoustic",
    "encoder_projection": "acoustic",
    "predictor": "language",
    "predictor_projection": "language",
}
"""The part to which each module of the network belongs; other modules belong to both."""


class TransducerRecognizer(Transducer, Recognizer):
    """A `Transducer` with its vocabulary.

    Parameters
    ----------
    tokens
        The vocabulary.
    network
        As `Transducer` takes them, without `vocabulary`.
    """

    kind = COMPONENT.name
    hears = COMPONENT.hears

    def __init__(self, tokens: Tokens, **network: Any) -> None:
        super().__init__(vocabulary=len(tokens), **network)
        self.tokens = tokens

    @classmethod
    def new(cls, params: Params, data: Path) -> Self:
        """An untrained network as section `asr` and the encoder's own section describe it.

        `tokens.txt` and `feature_statistics.json` of the data are read.
        """
        asr = params.asr
        statistics = read_json(data / "feature_statistics.json")
        recognizer = cls(
            Tokens.read(data / "tokens.txt"),
            encoder=asr.encoder,
            encoder_options=params.section(asr.encoder).model_dump(),
            input_dim=len(statistics["mean"]),
            predictor_dim=asr.predictor_dim,
            joiner_dim=asr.joiner_dim,
            token_dropout=asr.token_dropout,
        )
        recognizer.feature_mean_F.copy_(torch.tensor(statistics["mean"]))
        recognizer.feature_scale_F.copy_(torch.tensor(statistics["scale"]))
        if asr.loss == "pruned":
            recognizer.simple_joiner = SimpleJoiner(
                encoder_dim=recognizer.encoder.output_dim,
                predictor_dim=asr.predictor_dim,
                vocabulary=len(recognizer.tokens),
            )
        return recognizer

    @classmethod
    def base_options(cls, params: Params) -> list[Any]:
        """Section `asr` and the encoder's."""
        return [params.asr, params.section(params.asr.encoder)]

    @classmethod
    def base_epochs(cls, asr: AsrParams) -> int:
        """Those of CTC alone and those of the transducer loss."""
        return asr.ctc_epochs + asr.transducer_epochs

    def targets(self, batch: Batch) -> Targets:
        """The tokens of a batch's transcripts, on its device."""
        device = batch.lengths_B.device
        tokens = [torch.tensor(self.tokens.encode(text), dtype=torch.long) for text in batch.texts]
        tokens_BU = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True)
        return Targets(tokens_BU.to(device), torch.tensor([len(one) for one in tokens], device=device))

    def losses(self, batch: Batch) -> Losses:
        """The transducer loss of each utterance."""
        encoded_BTD, lengths_B = self._encoded(batch)
        targets = self.targets(batch)
        loss_B = transducer_losses(self, encoded_BTD, lengths_B, targets)
        return Losses(loss_B, targets.lengths_B, mean_over_time(encoded_BTD.detach(), lengths_B))

    def training_losses(self, batch: Batch, asr: AsrParams, *, epoch: int | None = None) -> Losses:
        """CTC for the first `ctc_epochs` of base training, then the transducer loss with CTC beside it.

        For `ctc_epochs` only the encoder is trained, by CTC (Graves et al. 2006); then the transducer loss is added,
        with `ctc_weight` times CTC. Otherwise the predictor learns the grammar of a small corpus first and the encoder
        is not trained to use the audio (our choice, after a feasibility study on Atlas). An adaptation uses only the
        transducer loss. While only CTC is used, the loss has no term for computation, since the model cannot know yet
        what may be left out. The pruned loss is used only in base training; dev and adaptations, whose losses are
        compared, use the full one.
        """
        encoded_BTD, lengths_B = self._encoded(batch)
        computed = self.encoder.compute_cost()
        targets = self.targets(batch)
        warms_up = epoch is not None and epoch < asr.ctc_epochs
        if epoch is None:
            loss_B = transducer_losses(self, encoded_BTD, lengths_B, targets, asr)
        else:
            loss_B = ctc_losses(self, encoded_BTD, lengths_B, targets)
            if not warms_up:
                warm_up = _warm_up(asr, epoch) if self.training else None
                transducer_B = transducer_losses(self, encoded_BTD, lengths_B, targets, asr, warm_up=warm_up)
                loss_B = transducer_B + asr.ctc_weight * loss_B
        extra = None if computed is None or warms_up else self.encoder.compute_weight * computed
        return Losses(loss_B, targets.lengths_B, mean_over_time(encoded_BTD.detach(), lengths_B), extra)

    @torch.no_grad()
    def embed(self, batch: Batch) -> Tensor:
        """The mean of the encoder's frames."""
        return mean_over_time(*self._encoded(batch))

    @torch.inference_mode()
    def transcribe(self, batch: Batch, decoding: DecodingParams) -> list[Hypothesis]:
        """Greedily, or by beam search."""
        encoded_BTD, lengths_B = self._encoded(batch)
        limit = decoding.max_tokens_per_frame
        found: list[TokenSequence]
        if decoding.method == "greedy":
            found = greedy_decode(self, encoded_BTD, lengths_B, max_tokens_per_frame=limit)
        else:
            nbest = beam_decode(self, encoded_BTD, lengths_B, beam=decoding.beam, nbest=1, max_tokens_per_frame=limit)
            # A network that gives NaN has no hypothesis.
            found = [hypotheses[0] if hypotheses else TokenSequence() for hypotheses in nbest]
        seconds = self.encoder.subsampling * FRAME_SECONDS
        embedding_BD = mean_over_time(encoded_BTD, lengths_B).cpu().numpy()
        return [
            Hypothesis(self.tokens.decode(one.tokens), tuple(frame * seconds for frame in one.frames), embedding_D)
            for one, embedding_D in zip(found, embedding_BD, strict=True)
        ]

    def part(self, parameter_name: str) -> Part:
        """Encoder, or predictor, each with its projection into the joiner; the output layers belong to both."""
        return PARTS.get(parameter_name.partition(".")[0], "other")

    def save(self, folder: Path) -> None:
        """Write `model.safetensors`, `model.json` (what `Transducer` was made with) and `tokens.txt`.

        `model.json` names no kind, since a model without a kind is a transducer.
        """
        weights = {name: value for name, value in self.state_dict().items() if not name.startswith("simple_joiner.")}
        write_weights(weights, folder / "model.safetensors")
        text = json.dumps(self.configuration, indent=2)
        (folder / "model.json").write_text(text + "\n", encoding="utf-8")
        self.tokens.write(folder / "tokens.txt")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        configuration = read_json(folder / "model.json")
        configuration.pop("kind", None)
        vocabulary = configuration.pop("vocabulary")
        if not (folder / "tokens.txt").is_file():
            raise ModelError(
                f"{folder} has no tokens.txt, the vocabulary of its model; copy the tokens.txt of the data that it was "
                "trained on"
            )
        tokens = Tokens.read(folder / "tokens.txt")
        if len(tokens) != vocabulary:
            raise ModelError(
                f"{folder / 'tokens.txt'} has {len(tokens)} tokens but the model knows {vocabulary}; copy the "
                "tokens.txt of the data that it was trained on"
            )
        recognizer = cls(tokens, **configuration)
        load_weights(recognizer, folder / "model.safetensors")
        return recognizer.eval()

    def squares(self, batch: Batch) -> dict[str, Tensor] | None:
        """By one backward pass through layers that `UtteranceGradients` records."""
        return squared_gradients(self, _features(batch), batch.lengths_B, batch.cohorts, self.targets(batch))

    def with_sampled_texts(self, batch: Batch, *, seed: int) -> Batch:
        """Texts drawn by walks through the lattice."""
        drawn = sampled_tokens(self, _features(batch), batch.lengths_B, batch.cohorts, seed=seed)
        return replace(batch, texts=[self.tokens.spell(tokens) for tokens in drawn])

    def with_cohort_input(self, cohorts: Sequence[str], *, hidden_share: float) -> Self:
        """A copy with a shift of the features by cohort, which begins at zero."""
        configuration = self.configuration | {"cohorts": list(cohorts), "hidden_share": hidden_share}
        configuration.pop("vocabulary")
        model = type(self)(self.tokens, **configuration)
        model.load_state_dict(self.state_dict(), strict=False)
        return model.to(self.feature_mean_F.device)

    def cost(self, batch: Batch) -> Cost:
        """Operations that the encoder executes on the batch, without those on its padding."""
        return encoder_cost(self, _features(batch), batch.lengths_B)

    def stream(self, *, decoding: DecodingParams, cohort: str | None = None) -> RecognitionStream:
        """Greedy recognition of one utterance for any `decoding`, since a beam search would revise words."""
        limit = decoding.max_tokens_per_frame
        return RecognitionStream(self.eval(), self.tokens, cohort=cohort, max_tokens_per_frame=limit)

    def _encoded(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The encoder's frames and their numbers."""
        return self.encode(_features(batch), batch.lengths_B, batch.cohorts)


def _warm_up(asr: AsrParams, epoch: int) -> float:
    """The share of the pruned loss's warm-up that is over at the beginning of an epoch of base training."""
    return (epoch - asr.ctc_epochs) / asr.prune_warm_up_epochs if asr.prune_warm_up_epochs else 1.0


def _features(batch: Batch) -> Tensor:
    """The features of a batch; raises for a batch of audio."""
    if batch.features_BTF is None:
        raise ModelError("a transducer hears features, and this batch carries audio; make it with hears='features'")
    return batch.features_BTF
