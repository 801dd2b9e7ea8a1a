"""Options chosen on dev, by one rule for all methods.

A trial is a setting of a method's options on one or more base models; its rates are means over these. The rule chooses,
among a method's trials whose overall word error rate on dev stays within a margin of the base models', the one with the
lowest rate of the worst cohorts; if no trial stays within, the one with the lowest overall rate. If the chosen value is
at the edge of the tried values, the best value may lie beyond.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from isogloss.config import Params
from isogloss.config.experiment import PlanParams, Run
from isogloss.errors import PipelineError

MARGIN = 0.02
"""Largest rise of the overall word error rate, relative to that of the base model, that would not matter."""


@dataclass(frozen=True)
class Choice:
    """A method's trial, chosen or not.

    Attributes
    ----------
    method, setting
        Names of the method and of the setting.
    options
        The overrides of the trial in the method's own section.
    overall, worst
        Word error rates on dev after the adaptation, of all speakers and of the worst cohorts.
    within
        Whether the rise of the overall rate stays within the margin.
    bases
        Number of base models.
    edges
        Options whose chosen value is the smallest or the largest that was tried.
    """

    method: str
    setting: str
    options: dict[str, Any]
    overall: float
    worst: float
    within: bool
    bases: int
    edges: tuple[str, ...]


def choose(
    runs: Sequence[Run], figures: Mapping[str, Mapping[str, Mapping[str, Any]]], *, margin: float = MARGIN
) -> list[Choice]:
    """Choose a trial for each method.

    Parameters
    ----------
    runs
        The trials.
    figures
        Method -> run -> `isogloss.judging.tuning.dev_figures`.
    margin
        See `MARGIN`.

    Raises
    ------
    PipelineError
        A method has no trial with figures of dev: none is finished, or dev has too few speakers of the worst cohorts
        for a figure.
    """
    chosen = []
    for method, by_run in figures.items():
        trials = _trials(method, runs, by_run, margin)
        if not trials and by_run:
            raise PipelineError(
                f"dev has too few speakers of the worst cohorts (privacy.min_speakers) for any figure of {method} by "
                "which to choose; give dev more speakers"
            )
        if not trials:
            raise PipelineError(f"no trial of {method} has figures of the worst cohorts on dev; run the trials first")
        able = [trial for trial in trials if trial.within]
        best = min(able, key=lambda t: (t.worst, t.overall)) if able else min(trials, key=lambda t: t.overall)
        chosen.append(replace(best, edges=_edges(best, trials)))
    return chosen


def _trials(method: str, runs: Sequence[Run], by_run: Mapping[str, Mapping[str, Any]], margin: float) -> list[Choice]:
    """The settings of a method with figures on the largest number of base models."""
    trials = []
    for setting in dict.fromkeys(run.setting for run in runs):
        same = [run for run in runs if run.setting == setting and run.name in by_run]
        rates = [by_run[run.name] for run in same if by_run[run.name]["worst"]["after"] is not None]
        if not rates:
            continue
        before, overall, worst = (
            sum(each[group][side] for each in rates) / len(rates)
            for group, side in (("overall", "before"), ("overall", "after"), ("worst", "after"))
        )
        options = {key: value for key, value in same[0].overrides.items() if key.startswith(f"{method}.")}
        within = overall <= (1 + margin) * before
        trials.append(Choice(method, setting, options, overall, worst, within, len(rates), ()))
    most = max((trial.bases for trial in trials), default=0)
    return [trial for trial in trials if trial.bases == most]


def _edges(best: Choice, trials: Sequence[Choice]) -> tuple[str, ...]:
    """The options of the chosen trial whose value is the smallest or the largest number among all trials.

    Values that are no numbers have no order, so none of them is at an edge.
    """
    edges = []
    for key, value in best.options.items():
        tried = {trial.options[key] for trial in trials if _is_number(trial.options.get(key))}
        if len(tried) > 1 and _is_number(value) and value in (min(tried), max(tried)):
            edges.append(key)
    return tuple(edges)


def _is_number(value: Any) -> bool:
    """Whether an option's value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def refuse_unsettled(chosen: Sequence[Choice], plan: PlanParams | None, trials: str) -> None:
    """Refuse choices on which claims of a plan cannot be based.

    Raises
    ------
    PipelineError
        A chosen value lies at the edge of its grid, or there are fewer base models than the plan requires.
    """
    edges = [key for each in chosen for key in each.edges]
    if edges:
        raise PipelineError(
            f"{', '.join(edges)}: the chosen value is the smallest or largest that was tried; add trials beyond it to "
            f"{trials}, so that the best value lies inside, and run them"
        )
    fewest = min(chosen, key=lambda each: each.bases)
    if plan is not None and fewest.bases < plan.trial_base_models:
        raise PipelineError(
            f"{fewest.method} was tried on {fewest.bases} base models, and the plan wants {plan.trial_base_models} "
            f"(plan.trial_base_models); give {trials} more asr.seed and run it"
        )


def records(chosen: Sequence[Choice], params: Params) -> dict[str, dict[str, Any]]:
    """The content of `mitigation.chosen`: each method's options, and the corpus and recogniser of the trials.

    Parameters
    ----------
    chosen
        Result of `choose`.
    params
        The params of a trial.
    """
    trials = {"corpus": params.corpus.source, "recognizer": params.recognizer}
    return {
        each.method: {**trials, "options": {key.partition(".")[2]: value for key, value in each.options.items()}}
        for each in chosen
    }
