"""experiments/*.yaml: a study as data. Overrides of params.yaml, crossed with seeds, become named runs.

description: How strongly should EWC hold on to the base model?
grid: {ewc.strength: [100.0, 1000.0, 10000.0]}
seeds: {mitigation.seed: [1, 2, 3]}
targets: [report]
compare: {by: [ewc.strength], metrics: [asr.ewc.wer]}
"""

import io
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from ruamel.yaml import YAML

from isogloss.config.claim import Claim
from isogloss.config.overrides import flattened, overridden
from isogloss.config.params import Params
from isogloss.config.reading import read_section, read_yaml, validated
from isogloss.config.section import Section, Seed, refuse_duplicates
from isogloss.errors import ParamsError

RATE = "rate"
"""The measure of a claim about the error rate of a study's table."""
RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_-]|[.][0-9])*$", max_length=60)]
Values = Annotated[list[Any], Field(min_length=1)]


class NamedRun(Section):
    """A setting with a name of its own, for values that no grid expresses."""

    name: RunName
    params: dict[str, Any] = {}
    """Overrides of this setting: dotted param -> value."""


class ComparisonParams(Section):
    """What `isogloss compare` shows of an experiment."""

    by: list[str] = []
    """Dotted params, one column each; if empty, those that the experiment varies."""
    metrics: list[str] = []
    """Keys of metrics.json (`asr.ewc.wer`), or `FILE:KEY` for an output of a run; see `isogloss.report.readings`."""
    maximise: list[str] = []
    """Those of `metrics` for which higher is better; for all others, lower is better."""

    @model_validator(mode="after")
    def _maximised_is_shown(self) -> Self:
        for metric in self.maximise:
            if metric not in self.metrics:
                raise ValueError(f"compare.maximise names {metric!r}, which is not in compare.metrics; add it there")
        return self


class MatchedGainParams(Section):
    """A comparison of what methods cost all others at the same gain for the worst cohort."""

    reference: str
    """The method with which the others are compared."""
    gains: Annotated[list[Annotated[float, Field(gt=0.0, lt=1.0)]], Field(min_length=1)]
    """Relative falls of the worst cohort's error rate at which the costs are compared."""
    held_back_by: list[str] = []
    """Options that hold a method back: the larger, the nearer it stays to the base model. All others drive it away."""


class StudyParams(Section):
    """What `isogloss study` makes of an experiment's runs, over seeds and speakers."""

    table: str = "results/asr/base/utterances.parquet"
    """Path of the result table of a run."""
    tables: dict[str, str] = {}
    """Setting -> path of its result table, where that is not `table`. The name of a setting is written without the
    experiment's name."""
    reference: str | None = None
    """The setting with which the others are compared, without the experiment's name; null takes the first setting."""
    figures: dict[str, str] = {}
    """Heading -> `FILE:KEY` of a further number of each run."""
    x: str | None = None
    """Heading of the figure on the x axis of a plot of the error rate; null draws no plot."""
    claims: list[Claim] = []
    """Claims about settings, which `isogloss claims` judges: `method` and `against` are settings, and `measure` is
    `rate` (the error rate of `table`) or a heading of `figures`."""
    matched_gain: MatchedGainParams | None = None
    """If it is given, the study compares the costs of methods at matched gain, by their trials of one option each. The
    cohorts are those of `mitigation.rule`."""
    rules: list[str] = []
    """Cohort rules of every run. If there are any, the claims compare these and not settings: `method` and `against`
    are rules, `measure` is `gap`, and `unit` is `points`."""
    cohorts: str | None = None
    """A rule of `cohorts.rules`. If it is given, the study does not compare settings by `table`, but reports for every
    method of `mitigation.methods` how it changes the error rate of each of the rule's cohorts. null compares
    settings."""

    @model_validator(mode="after")
    def _axis_is_a_figure(self) -> Self:
        if self.x is not None and self.x not in self.figures:
            raise ValueError(f"study.x names {self.x!r}, which is not in study.figures; add it there")
        return self

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if self.cohorts is not None and self.matched_gain is not None:
            raise ValueError("study.cohorts and study.matched_gain are two studies; put them into two files")
        return self

    @model_validator(mode="after")
    def _claims_are_measurable(self) -> Self:
        refuse_duplicates("study.claims", [claim.id for claim in self.claims])
        if self.rules and not self.claims:
            raise ValueError("study.rules is there for claims about rules, and study.claims has none; add one")
        for claim in self.claims:
            if self.rules:
                if unknown := [name for name in (claim.method, claim.against) if name not in self.rules]:
                    raise ValueError(f"the claim {claim.id} is about {unknown[0]!r}, which is not in study.rules")
                if (claim.measure, claim.unit) != ("gap", "points"):
                    raise ValueError(f"the claim {claim.id} compares rules; give it `measure: gap, unit: points`")
                continue
            if claim.measure not in (RATE, *self.figures):
                raise ValueError(
                    f"the claim {claim.id} measures {claim.measure!r}, which is neither {RATE!r} nor in study.figures; "
                    "add it there"
                )
            units = ("relative",) if claim.measure == RATE else ("relative", "absolute")
            if claim.unit not in units:
                raise ValueError(
                    f"the claim {claim.id} measures {claim.measure!r} with the unit {claim.unit!r}; "
                    f"use {' or '.join(units)}"
                )
        return self


class PlanParams(Section):
    """How `isogloss claims` will judge the runs; to be written and committed before the runs are made."""

    estimand: Literal["population", "speakers"] = "population"
    """The main error rate: that of the population, in which speakers count by their weights, or that of the speakers,
    who all have weight 1. The other one is shown beside it."""
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    """Confidence level of the intervals. 1 minus it is the family-wise error rate, by Holm's adjustment over the claims
    of a paper."""
    base_models: Annotated[int, Field(ge=2)] = 5
    """Smallest number of base models for a verdict; with fewer, every verdict is `inconclusive`."""
    trial_base_models: Annotated[int, Field(ge=1)] = 3
    """Smallest number of base models on which `isogloss choose` may choose the options."""


class Experiment(Section):
    """A file of `experiments/`: its runs, the stages that they need, and what is compared."""

    description: Annotated[str, Field(min_length=1)]
    """The question that the experiment answers, for readers."""
    base: dict[str, Any] = {}
    """Overrides that all runs share: dotted param -> value."""
    grid: dict[str, Values] = {}
    """Dotted param -> list of values; every combination of values is a setting."""
    runs: list[NamedRun] = []
    """Settings with names of their own; if there is a grid, each is combined with every combination of the grid."""
    seeds: dict[str, Annotated[list[Seed], Field(min_length=1)]] = {}
    """Dotted seed -> list of values. Repetition n of every setting takes the n-th value of each list."""
    targets: list[str] = []
    """The stages to run, with those that they depend on; `mitigate` means all stages of that kind. If empty, all stages
    run."""
    plan: PlanParams | None = None
    """The plan by which claims are judged on these runs; null for a file on whose runs no claims are judged."""
    compare: ComparisonParams = ComparisonParams()
    study: StudyParams = StudyParams()

    @model_validator(mode="after")
    def _axes_are_distinct(self) -> Self:
        refuse_duplicates("runs", [run.name for run in self.runs])
        refuse_duplicates("targets", self.targets)
        named = {key for run in self.runs for key in run.params}
        axes: list[tuple[str, Iterable[str]]] = [("base", self.base), ("grid", self.grid), ("seeds", self.seeds)]
        for (one, keys), (other, others) in itertools.combinations([*axes, ("runs", named)], 2):
            both = sorted({*keys} & {*others})
            if both and (one, other) != ("base", "runs"):
                raise ValueError(f"{both[0]} is set by {one} and by {other}; leave it to one of them")
        if len({len(values) for values in self.seeds.values()}) > 1:
            raise ValueError("the lists of seeds differ in length; repetition n takes the n-th seed of each")
        return self


_MOST_RUNS = 1000
"""Largest number of runs of one file: each is checked, planned and shown, and has a worktree."""


@dataclass(frozen=True)
class Run:
    """One run: its name, the name of its setting (the same for all seeds), and all its overrides."""

    name: str
    setting: str
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class Sweep:
    """An experiment file with its name (that of the file) and its runs, which have been checked against `Params`."""

    name: str
    path: Path
    experiment: Experiment
    runs: tuple[Run, ...]

    @property
    def varied(self) -> list[str]:
        """The dotted params that some run sets and that are not shared by all, in the order of the file."""
        named = (key for run in self.experiment.runs for key in run.params)
        return list(dict.fromkeys([*named, *self.experiment.grid, *self.experiment.seeds]))

    def study_table(self, setting: str) -> str:
        """The result table that a study reads of a setting's runs."""
        study = self.experiment.study
        return study.tables.get(setting.removeprefix(f"{self.name}-"), study.table)

    @property
    def compared_by(self) -> list[str]:
        """The params of the comparison's columns."""
        return self.experiment.compare.by or self.varied


def load_sweep(path: Path | str, *, params: Path | str = "params.yaml") -> Sweep:
    """Read an experiment file and make its runs.

    Raises
    ------
    ParamsError
        In one sentence that names the file, the run and the key: an unknown key or param (with the nearest known one),
        a value out of range, a param that is set twice, a name that is no name.
    """
    path = Path(path)
    experiment = read_section(path, Experiment)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", path.stem):
        raise ParamsError(f"{path}: the file's name names its runs; use letters, digits, - and _ only")
    base = read_yaml(params) or {}
    count = _count(experiment)
    if count > _MOST_RUNS:
        raise ParamsError(f"{path} makes {count:.4g} runs, more than {_MOST_RUNS}; shorten its grid or its seeds")
    runs = tuple(_runs(path.stem, experiment))
    if twice := [name for name, count in Counter(run.name for run in runs).items() if count > 1]:
        raise ParamsError(f"{path}: two runs would be named {twice[0]}; a value or a seed is listed twice")
    for run in runs:
        where = f"{path}: run {run.name}"
        checked = validated(overridden(base, run.overrides, where=where), Params, where=where)
        if missing := [rule for rule in experiment.study.rules if rule not in checked.cohorts.rules]:
            raise ParamsError(
                f"{where}: study.rules names {missing[0]!r}, which is not in its cohorts.rules; add it there"
            )
    dials = experiment.study.matched_gain.held_back_by if experiment.study.matched_gain else []
    if unset := [dial for dial in dials if not any(dial in run.overrides for run in runs)]:
        raise ParamsError(f"{path}: study.matched_gain.held_back_by names {unset[0]!r}, which no run sets")
    known = dict(flattened(checked.model_dump()))
    settings = {run.setting.removeprefix(f"{path.stem}-") for run in runs}
    for claim in experiment.study.claims:
        unknown = [name for name in (claim.method, claim.against) if name not in settings]
        if unknown and not experiment.study.rules:
            raise ParamsError(
                f"{path}: the claim {claim.id} is about {unknown[0]!r}, which is no setting of the file; it has "
                f"{', '.join(sorted(settings))}"
            )
    for key in experiment.compare.by:
        if key not in known:
            raise ParamsError(f"{path}: compare.by names {key!r}, which is no param")
    return Sweep(path.stem, path, experiment, runs)


def with_base(path: Path, overrides: Mapping[str, Any]) -> str:
    """The text of an experiment file with these overrides in its `base`; its comments and its order stay."""
    yaml = YAML()
    yaml.width = 120
    content = yaml.load(path.read_text(encoding="utf-8"))
    content.setdefault("base", {}).update(overrides)
    buffer = io.StringIO()
    yaml.dump(content, buffer)
    return buffer.getvalue()


def _count(experiment: Experiment) -> float:
    """How many runs an experiment file makes; infinite where that is beyond all measure."""
    sizes = [len(values) for values in experiment.grid.values()]
    repetitions = max((len(values) for values in experiment.seeds.values()), default=1)
    return math.prod(map(float, [*sizes, max(1, len(experiment.runs)), repetitions]))


def _runs(name: str, experiment: Experiment) -> Iterator[Run]:
    """The settings in the order of the file, the repetitions of each one after the other."""
    combinations = list(itertools.product(*experiment.grid.values()))
    repetitions = list(zip(*experiment.seeds.values(), strict=True)) or [()]
    settings: list[tuple[list[str], dict[str, Any]]] = []
    choices: list[NamedRun | None] = [*experiment.runs] or [None]
    for named in choices:
        for values in combinations:
            given = [named.name] if named else []
            overrides = {**experiment.base, **(named.params if named else {})}
            overrides |= dict(zip(experiment.grid, values, strict=True))
            settings.append(([name, *given, *map(_slug, values)], overrides))
    setting_names = _distinct([("-".join(parts), overrides) for parts, overrides in settings])
    for setting, (_, overrides) in zip(setting_names, settings, strict=True):
        for repetition in repetitions:
            seeds = dict(zip(experiment.seeds, repetition, strict=True))
            # Where the seeds go together, one number says it: 3, and not 3-3-3.
            suffix = "-".join(dict.fromkeys(map(str, repetition)))
            yield Run(f"{setting}-{suffix}" if suffix else setting, setting, {**overrides, **seeds})


def _slug(value: Any) -> str:
    """A value as a part of a name that git, a file system and a shell take as it is: 10000.0 -> 10000."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.6g}"
    if isinstance(value, bool) or value is None:
        text = str(value).lower()
    elif isinstance(value, list):
        text = "+".join(map(_slug, value))
    else:
        text = str(value)
    slug = re.sub(r"[^A-Za-z0-9_.+-]+|\.(?!\d)", "_", text).strip("._-")
    return slug if 0 < len(slug) <= 30 else f"{slug[:20]}{_digest(value)}"


def _distinct(settings: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """The names; those that came out the same get a digest of their overrides behind them."""
    counts = Counter(name for name, _ in settings)
    return [name if counts[name] == 1 else f"{name}-{_digest(overrides)}" for name, overrides in settings]


def _digest(value: Any) -> str:
    """Six hexadecimal digits of a value."""
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:6]
