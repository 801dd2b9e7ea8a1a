"""A multi-talker network with its vocabulary: initialisation, transcription, saving and loading.

Shape legend in `isogloss.recognizers.multitalker`.
"""

import json
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from isogloss.config.multitalker import MultitalkerParams, Talkers
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import ModelError
from isogloss.recognizers import Recognizer
from isogloss.recognizers.multitalker.network import MultitalkerTransducer
from isogloss.recognizers.multitalker.reading import HeardTurn, TurnReader
from isogloss.recognizers.multitalker.streaming import TurnStream, token_time
from isogloss.recognizers.multitalker.systems import output_channels, with_special_tokens
from isogloss.recognizers.transducer import TransducerRecognizer
from isogloss.recognizers.transducer.decoding.greedy import advance, start
from isogloss.tables import atomic_folder, read_json
from isogloss.weights import load_weights, write_weights

KIND = "multitalker"


class MultitalkerRecognizer(MultitalkerTransducer):
    """A `MultitalkerTransducer` with its system and its vocabulary.

    Parameters
    ----------
    system
        The system whose tokens it writes (`isogloss.recognizers.multitalker.systems`).
    tokens
        The vocabulary, special tokens included.
    network
        As `MultitalkerTransducer` takes them.
    """

    def __init__(self, system: Talkers, tokens: Tokens, **network: Any) -> None:
        super().__init__(**network)
        self.system: Talkers = system
        self.tokens = tokens

    @classmethod
    def start_from(cls, base: Recognizer, system: Talkers, params: MultitalkerParams) -> Self:
        """An untrained separator in front of the single-talker recogniser, or of random weights of its shape.

        The output layers and the predictor's embedding get rows for the special tokens; all other weights are the
        base's.

        Raises
        ------
        ModelError
            The base is no transducer, or has the cohort as an input.
        """
        if not isinstance(base, TransducerRecognizer):
            raise ModelError(f"overlapping talkers need a transducer to start from, not a {base.kind}: set asr.model")
        if base.cohort_input is not None:
            raise ModelError("a recogniser with cohort inputs cannot hear a mixture of speakers; start from the base")
        tokens = with_special_tokens(base.tokens, system, turn_tokens=params.turn_tokens)
        recognizer = cls(
            system,
            tokens,
            transducer=base.configuration | {"vocabulary": len(tokens)},
            separator={
                "output_channels": output_channels(system),
                "depth": params.mask_depth,
                "channels": params.separator_channels,
                "hidden_dim": params.separator_dim,
                "layers": params.separator_layers,
            },
        )
        own, given = recognizer.transducer.state_dict(), base.state_dict()
        for name, tensor in own.items():
            if params.from_base or name.startswith("feature_"):
                # Special tokens come last in the vocabulary, so the base's rows are the first ones.
                tensor[: len(given[name])] = given[name]
        return recognizer

    @torch.inference_mode()
    def transcribe(
        self, features_BTF: Tensor, lengths_B: Tensor, *, max_tokens_per_frame: int = 5
    ) -> list[list[HeardTurn]]:
        """The turns of each mixture, by their starts; the recogniser is in evaluation mode.

        A turn whose end was not emitted before the end of the mixture has no end.
        """
        encoded_RND, lengths_R = self.encode(features_BTF, self.masks(features_BTF, lengths_B), lengths_B)
        encoder_RNJ = self.transducer.encoder_projection(encoded_RND)
        state = start(self.transducer, len(encoder_RNJ))
        found, _ = advance(self.transducer, encoder_RNJ, lengths_R, state, max_tokens_per_frame=max_tokens_per_frame)
        heard = []
        for number in range(len(features_BTF)):
            turns: list[HeardTurn] = []
            for channel in range(self.output_channels):
                reader = TurnReader(self.tokens, channel=channel)
                said = found[number * self.output_channels + channel]
                reader.read(said.tokens, (token_time(self.transducer.encoder, frame) for frame in said.frames))
                turns += reader.turns()
            heard.append(sorted(turns, key=lambda turn: (turn.start, turn.channel)))
        return heard

    def stream(self, *, max_tokens_per_frame: int = 5) -> TurnStream:
        """Begin a stream for a conversation."""
        return TurnStream(self.eval(), self.tokens, max_tokens_per_frame=max_tokens_per_frame)

    def save(self, folder: Path | str) -> None:
        """Write `model.safetensors`, `model.json` and `tokens.txt` into a folder, atomically."""
        with atomic_folder(folder) as temporary:
            write_weights(self.state_dict(), temporary / "model.safetensors")
            content = {"kind": KIND, "system": self.system, **self.configuration}
            (temporary / "model.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            self.tokens.write(temporary / "tokens.txt")

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote, in evaluation mode, on the CPU.

        Raises
        ------
        ModelError
            The folder holds no model of overlapping talkers, or its files do not fit together.
        """
        folder = Path(folder)
        if not (folder / "model.json").is_file():
            raise ModelError(
                f"{folder} holds no model of overlapping talkers: it has no model.json; name a folder that "
                "`isogloss run` made, such as models/multitalker/sts (with multitalker.systems set)"
            )
        description = read_json(folder / "model.json")
        if not isinstance(description, dict) or description.pop("kind", None) != KIND:
            raise ModelError(
                f"{folder} holds a recogniser of single talkers, which marks no turns; name one that train_multitalker "
                "wrote, such as models/multitalker/sts"
            )
        tokens = Tokens.read(folder / "tokens.txt")
        recognizer = cls(description.pop("system"), tokens, **description)
        if len(tokens) != recognizer.transducer.output_layer.out_features:
            raise ModelError(
                f"{folder / 'tokens.txt'} has {len(tokens)} tokens but the model knows "
                f"{recognizer.transducer.output_layer.out_features}; copy both from the folder of one training"
            )
        load_weights(recognizer, folder / "model.safetensors")
        return recognizer.eval()
