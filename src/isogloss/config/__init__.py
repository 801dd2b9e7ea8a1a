"""params.yaml as pydantic models: one place for defaults, ranges and error texts.

One model a section; a section is what one stage (or one strategy) reads. Encoders, cohort rules and mitigations have
a section of their own name (`lstm`, `geographic`, `ewc`), so that a stage made by `foreach` depends on its own section
alone and `dvc exp run -S ewc.strength=30` re-runs nothing else.
"""

from isogloss.config.cohorts import (
    AttributeParams,
    AutomaticParams,
    CohortRule,
    CohortsParams,
    GeodemographicParams,
    GeographicParams,
)
from isogloss.config.data import AtlasParams, CorpusParams, PrepareParams, ValidationParams
from isogloss.config.judging import PrivacyParams, StatisticsParams
from isogloss.config.mitigation import EwcParams, FinetuneParams, MitigationMethod, MitigationParams
from isogloss.config.params import Params, load_params, seeds
from isogloss.config.reading import read_section
from isogloss.config.recognizer import AsrParams, ContextNetParams, ConvRnntParams, EncoderName, LstmParams
from isogloss.config.section import Section
from isogloss.config.speaker import SpeakerLoss, SpeakerParams, SpeakerSize

__all__ = [
    "AsrParams",
    "AtlasParams",
    "AttributeParams",
    "AutomaticParams",
    "CohortRule",
    "CohortsParams",
    "ContextNetParams",
    "ConvRnntParams",
    "CorpusParams",
    "EncoderName",
    "EwcParams",
    "FinetuneParams",
    "GeodemographicParams",
    "GeographicParams",
    "LstmParams",
    "MitigationMethod",
    "MitigationParams",
    "Params",
    "PrepareParams",
    "PrivacyParams",
    "Section",
    "SpeakerLoss",
    "SpeakerParams",
    "SpeakerSize",
    "StatisticsParams",
    "ValidationParams",
    "load_params",
    "read_section",
    "seeds",
]
