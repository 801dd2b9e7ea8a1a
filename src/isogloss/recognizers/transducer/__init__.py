"""Transducer recognisers: encoders, predictor, joiner, the network that holds them, and the port to all of it.

Shape legend: B batch, T frames, U tokens, F mel filters, D encoder channels, P predictor channels, J joiner channels,
V vocabulary with blank 0.
"""

from isogloss.recognizers.transducer.encoders import build_encoder
from isogloss.recognizers.transducer.model import Transducer
from isogloss.recognizers.transducer.recognizer import TransducerRecognizer

__all__ = ["Transducer", "TransducerRecognizer", "build_encoder"]
