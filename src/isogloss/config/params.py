"""All of params.yaml."""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from isogloss.config.cohorts import (
    AttributeParams,
    AutomaticParams,
    CohortsParams,
    GeodemographicParams,
    GeographicParams,
)
from isogloss.config.data import AtlasParams, CorpusParams, PrepareParams, ValidationParams
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
    MitigationParams,
    MixBaseDataParams,
    OversampleParams,
    PredictorOnlyParams,
    PseudoLabelsParams,
)
from isogloss.config.reading import read_section
from isogloss.config.recognizer import (
    AmortizedParams,
    AsrParams,
    ConformerParams,
    ContextNetParams,
    ConvRnntParams,
    DecodingParams,
    LstmParams,
)
from isogloss.config.section import Section
from isogloss.config.speaker import SpeakerParams, VerificationParams


class Params(Section):
    """All of params.yaml."""

    corpus: CorpusParams = CorpusParams()
    atlas: AtlasParams = AtlasParams()
    prepare: PrepareParams = PrepareParams()
    validation: ValidationParams = ValidationParams()
    asr: AsrParams = AsrParams()
    decoding: DecodingParams = DecodingParams()
    lstm: LstmParams = LstmParams()
    conformer: ConformerParams = ConformerParams()
    contextnet: ContextNetParams = ContextNetParams()
    convrnnt: ConvRnntParams = ConvRnntParams()
    amortized: AmortizedParams = AmortizedParams()
    speaker: SpeakerParams = SpeakerParams()
    cohorts: CohortsParams = CohortsParams()
    geographic: GeographicParams = GeographicParams()
    geodemographic: GeodemographicParams = GeodemographicParams()
    automatic: AutomaticParams = AutomaticParams()
    attribute: AttributeParams = AttributeParams()
    mitigation: MitigationParams = MitigationParams()
    finetune: FinetuneParams = FinetuneParams()
    finetune_all: FinetuneAllParams = FinetuneAllParams()
    ewc: EwcParams = EwcParams()
    l2: L2Params = L2Params()
    predictor_only: PredictorOnlyParams = PredictorOnlyParams()
    encoder_only: EncoderOnlyParams = EncoderOnlyParams()
    mix_base_data: MixBaseDataParams = MixBaseDataParams()
    oversample: OversampleParams = OversampleParams()
    pseudo_labels: PseudoLabelsParams = PseudoLabelsParams()
    cohort_input: CohortInputParams = CohortInputParams()
    cohort_input_with_oversample: CohortInputWithOversampleParams = CohortInputWithOversampleParams()
    arw: ArwParams = ArwParams()
    group_dro: GroupDroParams = GroupDroParams()
    length_normalised_dro: LengthNormalisedDroParams = LengthNormalisedDroParams()
    verification: VerificationParams = VerificationParams()
    statistics: StatisticsParams = StatisticsParams()
    privacy: PrivacyParams = PrivacyParams()

    @model_validator(mode="after")
    def _mitigated_rule_is_discovered(self) -> Self:
        if self.mitigation.rule not in self.cohorts.rules:
            raise ValueError(
                f"mitigation.rule is {self.mitigation.rule!r}, but cohorts.rules lists only "
                f"{', '.join(self.cohorts.rules)}: add it there or mitigate one of those"
            )
        return self


def load_params(path: Path | str = "params.yaml") -> Params:
    """Read params.yaml.

    Raises
    ------
    ParamsError
        In one sentence that names the key, the value and the rule: unknown key (with the nearest known one), wrong
        type, value out of range, a `mitigation.rule` that is not discovered.
    """
    return read_section(path, Params)


def seeds(params: Params) -> dict[str, int]:
    """The seed of each section that has one."""
    return {name: section.seed for name, section in params if hasattr(section, "seed")}
