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
from isogloss.config.mitigation import (
    ArwParams,
    CohortInputParams,
    CohortInputWithOversampleParams,
    EncoderOnlyParams,
    EwcParams,
    FinetuneAllParams,
    FinetuneParams,
    GroupDroParams,
    L2Params,
    LengthNormalisedDroParams,
    MitigationMethod,
    MitigationParams,
    MixBaseDataParams,
    OversampleParams,
    PredictorOnlyParams,
    PseudoLabelsParams,
)
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
from isogloss.config.speaker import SpeakerLoss, SpeakerMethod, SpeakerParams, SpeakerSize, VerificationParams

__all__ = [
    "ArwParams",
    "AsrParams",
    "AtlasParams",
    "CohortInputParams",
    "CohortInputWithOversampleParams",
    "CohortsParams",
    "ComparisonParams",
    "CorpusParams",
    "DecodingParams",
    "EncoderName",
    "EncoderOnlyParams",
    "EwcParams",
    "Experiment",
    "FinetuneAllParams",
    "FinetuneParams",
    "GroupDroParams",
    "L2Params",
    "LengthNormalisedDroParams",
    "MitigationMethod",
    "MitigationParams",
    "MixBaseDataParams",
    "Overrides",
    "OversampleParams",
    "Params",
    "PredictorOnlyParams",
    "PrepareParams",
    "PrivacyParams",
    "PseudoLabelsParams",
    "Run",
    "Section",
    "SpeakerLoss",
    "SpeakerMethod",
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
