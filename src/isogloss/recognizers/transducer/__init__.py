"""Transducer recognisers: encoders, predictor, joiner, and the model that holds them.

Shape legend: B batch, T frames, U tokens, F mel filters, D encoder channels, P predictor channels, J joiner channels,
V vocabulary with blank 0.
"""

from isogloss.recognizers.transducer.encoders import build_encoder
from isogloss.recognizers.transducer.model import Transducer, load_transducer, save_transducer, with_cohort_input

__all__ = ["Transducer", "build_encoder", "load_transducer", "save_transducer", "with_cohort_input"]
