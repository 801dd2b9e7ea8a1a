"""params.yaml as pydantic models: one place for defaults, ranges and error texts.

One model a section; a section is what one stage (or one strategy) reads. Encoders, cohort rules and mitigations have
a section of their own name (`lstm`, `geographic`, `ewc`), so that a stage made by `foreach` depends on its own section
alone and `dvc exp run -S ewc.strength=30` re-runs nothing else.
"""

from isogloss.config.cohorts import (
    CohortsParams,
)
from isogloss.config.data import AtlasParams, CorpusParams, PrepareParams, ValidationParams
from isogloss.config.experiment import ComparisonParams, Experiment, Run, Sweep, load_sweep
from isogloss.config.judging import PrivacyParams, StatisticsParams
from isogloss.config.mitigation import MitigationParams
from isogloss.config.overrides import Overrides, flattened, overridden, overridden_text
from isogloss.config.params import Params, load_params, seeds
from isogloss.config.reading import read_section, read_yaml, validated
from isogloss.config.recognizer import (
    AsrParams,
    DecodingParams,
    EncoderName,
    SpecAugmentParams,
)
from isogloss.config.section import Section
from isogloss.config.speaker import SpeakerLoss, SpeakerParams, SpeakerSize, VerificationParams

__all__ = [
    "AsrParams",
    "AtlasParams",
    "CohortsParams",
    "ComparisonParams",
    "CorpusParams",
    "DecodingParams",
    "EncoderName",
    "Experiment",
    "MitigationParams",
    "Overrides",
    "Params",
    "PrepareParams",
    "PrivacyParams",
    "Run",
    "Section",
    "SpeakerLoss",
    "SpeakerParams",
    "SpeakerSize",
    "SpecAugmentParams",
    "StatisticsParams",
    "Sweep",
    "ValidationParams",
    "VerificationParams",
    "flattened",
    "load_params",
    "load_sweep",
    "overridden",
    "overridden_text",
    "read_section",
    "read_yaml",
    "seeds",
    "validated",
]
