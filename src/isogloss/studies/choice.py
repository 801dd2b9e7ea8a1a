"""Options chosen on dev, by one rule for all methods.

Among a method's trials whose overall word error rate on dev stays within a margin of the base model's, the one with the
lowest rate of the worst cohorts; where no trial stays within, the one with the lowest overall rate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isogloss.config import Params
from isogloss.config.experiment import Run
from isogloss.errors import PipelineError

MARGIN = 0.02
"""How much the overall word error rate may rise, relative to the base model's (non-inferiority)."""


@dataclass(frozen=True)
class Choice:
    """A method's trial that was chosen.

    Attributes
    ----------
    method, run
        Which.
    options
        The overrides of that trial that are the method's own.
    overall, worst
        Word error rates on dev after the adaptation.
    within
        Whether it stays within the margin.
    """

    method: str
    run: str
    options: dict[str, Any]
    overall: float
    worst: float
    within: bool


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
        trials = [
            Choice(
                method=method,
                run=run.name,
                options={key: value for key, value in run.overrides.items() if key.startswith(f"{method}.")},
                overall=by_run[run.name]["overall"]["after"],
                worst=by_run[run.name]["worst"]["after"],
                within=by_run[run.name]["overall"]["after"] <= (1 + margin) * by_run[run.name]["overall"]["before"],
            )
            for run in runs
            if run.name in by_run and by_run[run.name]["worst"]["after"] is not None
        ]
        if not trials and by_run:
            raise PipelineError(
                f"dev has too few speakers of the worst cohorts (privacy.min_speakers) for any figure of {method} by "
                "which to choose; give dev more speakers"
            )
        if not trials:
            raise PipelineError(f"no trial of {method} has figures of the worst cohorts on dev; run the trials first")
        able = [trial for trial in trials if trial.within]
        chosen.append(min(able, key=lambda t: (t.worst, t.overall)) if able else min(trials, key=lambda t: t.overall))
    return chosen


def records(chosen: Sequence[Choice], params: Params) -> dict[str, dict[str, Any]]:
    """What to write into `mitigation.chosen`: by method its options, and the corpus and recogniser of the trials.

    Parameters
    ----------
    chosen
        Result of `choose`.
    params
        Of a trial.
    """
    trials = {"corpus": params.corpus.source, "recognizer": params.recognizer}
    return {
        each.method: {**trials, "options": {key.partition(".")[2]: value for key, value in each.options.items()}}
        for each in chosen
    }
