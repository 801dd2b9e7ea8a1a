"""params.yaml as pydantic models: one place for defaults, ranges and error texts.

One model a section; a section is what one stage (or one strategy) reads. Encoders, cohort rules and mitigations have
a section of their own name (`lstm`, `geographic`, `ewc`), so that a stage made by `foreach` depends on its own section
alone and `dvc exp run -S ewc.strength=30` re-runs nothing else.
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from isogloss.errors import ParamsError

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]

EncoderName = Literal["lstm"]
CohortRule = Literal["geographic", "attribute"]
MitigationMethod = Literal["finetune", "ewc"]


def _refuse_duplicates(key: str, values: list[Any]) -> None:
    """Raise where a list names an item twice."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{key} lists {value!r} twice; name each once")


class Section(BaseModel):
    """A section of params.yaml: strict types, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class CorpusParams(Section):
    """Which corpus to build. `source` names a description in `corpora/`: atlas, speechocean762 or your own."""

    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = "atlas"
    seed: Seed = 1


class AtlasParams(Section):
    """Size of the embedded corpus.

    train and adapt follow the population, where some dialects are rare. Discovery, dev and test follow it too, but are
    topped up so that each dialect has enough speakers to be found and judged.
    """

    train_speakers: PositiveInt = 240
    adapt_speakers: PositiveInt = 400
    discovery_speakers: PositiveInt = 240
    """Before topping up, as for dev and test."""
    dev_speakers: PositiveInt = 60
    test_speakers: PositiveInt = 240
    min_speakers_per_dialect: PositiveInt = 30
    """Fewest speakers of a dialect in discovery and in test."""
    dev_min_speakers_per_dialect: PositiveInt = 6
    train_utterances: PositiveInt = 12
    """Utterances of each speaker of train."""
    adapt_utterances: PositiveInt = 6
    """Utterances of each speaker of adapt."""
    held_out_utterances: PositiveInt = 5
    """Utterances of each speaker of discovery, dev and test: many speakers tell more than many utterances of few."""


class PrepareParams(Section):
    """Splits, text, tokens and features."""

    seed: Seed = 1
    num_filters: Annotated[int, Field(ge=20, le=128)] = 40
    """Log-mel filters; 25 ms windows every 10 ms."""
    stratify_by: str = "age_band"
    """Column whose values are spread evenly over the splits of a corpus that does not bring splits of its own."""
    adapt_share: Probability = 0.15
    discovery_share: Probability = 0.25
    dev_share: Probability = 0.1
    test_share: Probability = 0.25
    test_min_speakers: PositiveInt = 20
    """Speakers that each stratum sends to test even if its share is smaller, up to two fifths of the stratum."""
    train_min_speakers: PositiveInt = 150
    """If separate adapt speakers left train with fewer, adapt takes other utterances of train's speakers."""

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        held_out = self.adapt_share + self.discovery_share + self.dev_share + self.test_share
        if held_out >= 1.0:
            raise ValueError(f"the shares of adapt, discovery, dev and test sum to {held_out:g}; leave some for train")
        return self


class ValidationParams(Section):
    """Thresholds of the data gate."""

    max_duration_s: Annotated[float, Field(gt=0)] = 30.0
    max_words_per_s: Annotated[float, Field(gt=0)] = 10.0
    min_speakers: PositiveInt = 5
    """Fewest speakers that any split may have."""


class AsrParams(Section):
    """The base recogniser and its training."""

    encoder: EncoderName = "lstm"
    seed: Seed = 1
    threads: PositiveInt = 2
    """Fixed, because gradients differ between one thread and two."""
    predictor_dim: PositiveInt = 128
    joiner_dim: PositiveInt = 128
    token_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the predictor's history that is hidden from it in training."""
    ctc_epochs: Annotated[int, Field(ge=0)] = 3
    """Epochs of CTC alone that teach the encoder to listen before the predictor has learnt the grammar."""
    transducer_epochs: PositiveInt = 5
    ctc_weight: Annotated[float, Field(ge=0.0)] = 0.3
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    batch_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Audio in one batch."""


class LstmParams(Section):
    """The LSTM encoder: a causal convolutional front end below unidirectional LSTM layers."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms for one encoder frame."""
    channels: PositiveInt = 32
    hidden_dim: PositiveInt = 192
    layers: PositiveInt = 2
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1


class CohortsParams(Section):
    """Which cohort rules are discovered; every system is compared under each of them."""

    rules: Annotated[list[CohortRule], Field(min_length=1)] = ["geographic", "attribute"]

    @model_validator(mode="after")
    def _no_rule_twice(self) -> Self:
        _refuse_duplicates("cohorts.rules", self.rules)
        return self


class GeographicParams(Section):
    """The tree over latitude and longitude."""

    max_leaves: Annotated[int, Field(ge=2)] = 10
    min_speakers: PositiveInt = 24
    """Fewest speakers a leaf may have."""
    min_words: PositiveInt = 100
    """Fewest reference words a leaf may have."""


class AttributeParams(Section):
    """Cohorts that are the values of known columns and their intersections."""

    columns: Annotated[list[str], Field(min_length=1)] = ["age_band"]


class MitigationParams(Section):
    """What every mitigation shares: whom it is for, and how long it trains."""

    rule: CohortRule = "geographic"
    """The cohort rule whose worst cohorts are mitigated; one of cohorts.rules."""
    methods: Annotated[list[MitigationMethod], Field(min_length=1)] = ["finetune", "ewc"]
    seed: Seed = 1
    threads: PositiveInt = 1
    worst_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.15
    """The worst cohorts are taken, by their rank on discovery, until they hold this share of its speakers."""
    epochs: PositiveInt = 5
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    batch_seconds: Annotated[float, Field(gt=0)] = 60.0

    @model_validator(mode="after")
    def _no_method_twice(self) -> Self:
        _refuse_duplicates("mitigation.methods", self.methods)
        return self


class FinetuneParams(Section):
    """Plain fine-tuning on the worst cohorts: nothing to set."""


class EwcParams(Section):
    """Elastic weight consolidation (2207.07850)."""

    strength: Annotated[float, Field(ge=0.0)] = 1e4
    """lambda in L = L_ASR + (lambda / 2) sum_i F_i (theta_i - theta*_i)^2; large, since a well-fitted model's
    per-utterance gradients, and so its Fisher information, are small."""
    fisher_utterances: PositiveInt = 800
    """Utterances of train over which the diagonal Fisher information is averaged."""


class StatisticsParams(Section):
    """Intervals and tests; speakers are the units."""

    seed: Seed = 1
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    resamples: Annotated[int, Field(ge=200)] = 2000
    permutations: Annotated[int, Field(ge=200)] = 10000
    min_speakers: PositiveInt = 20
    """Below this a cohort's figure is shown without interval or p value."""


class PrivacyParams(Section):
    """What may be shown."""

    min_speakers: PositiveInt = 5
    """A smaller cohort is merged or suppressed in whatever leaves the machine."""


class Params(Section):
    """All of params.yaml."""

    corpus: CorpusParams = CorpusParams()
    atlas: AtlasParams = AtlasParams()
    prepare: PrepareParams = PrepareParams()
    validation: ValidationParams = ValidationParams()
    asr: AsrParams = AsrParams()
    lstm: LstmParams = LstmParams()
    cohorts: CohortsParams = CohortsParams()
    geographic: GeographicParams = GeographicParams()
    attribute: AttributeParams = AttributeParams()
    mitigation: MitigationParams = MitigationParams()
    finetune: FinetuneParams = FinetuneParams()
    ewc: EwcParams = EwcParams()
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


AnySection = TypeVar("AnySection", bound=BaseModel)


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


def read_section(path: Path | str, model: type[AnySection]) -> AnySection:
    """Read a YAML file through a pydantic model; what does not fit is one `ParamsError` for the first problem."""
    path = Path(path)
    try:
        # YAML 1.2, as DVC reads it: there 1e-3 is a number, in PyYAML's 1.1 a string.
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist; run from the repository's root") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    try:
        return model.model_validate(content if content is not None else {})
    except ValidationError as error:
        raise ParamsError(f"{path}: {_sentence(error.errors()[0], model)}") from None


def _sentence(problem: ErrorDetails, model: type[BaseModel]) -> str:
    """One pydantic problem as a sentence with key, value and rule."""
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = _known_keys(model, problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"unknown key {key!r}; {hint}"
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"{key} is missing; add it"
    rule = problem["msg"][0].lower() + problem["msg"][1:]
    rule = rule.replace("input should be", "must be", 1)
    return f"{key} is {problem['input']!r}, but {rule}{_nearest_choice(problem)}"


def _nearest_choice(problem: ErrorDetails) -> str:
    """For a misspelt choice, the nearest one."""
    if problem["type"] != "literal_error" or not isinstance(problem["input"], str):
        return ""
    choices = problem.get("ctx", {}).get("expected", "").replace("'", "").replace(" or ", ", ").split(", ")
    near = difflib.get_close_matches(problem["input"], choices, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are allowed at a location of the file."""
    for part in location:
        field = model.model_fields.get(str(part))
        candidates = [] if field is None else [field.annotation, *get_args(field.annotation)]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if nested:
            model = nested[0]
    return list(model.model_fields)
