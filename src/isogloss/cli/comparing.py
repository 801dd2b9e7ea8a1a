"""What `isogloss compare` shows: the params and metrics of experiments and of the workspace."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from isogloss.config import Sweep, flattened, read_yaml
from isogloss.errors import PipelineError
from isogloss.pipeline.repo.experiments import Experiment, find, last_commit
from isogloss.pipeline.repo.graph import plan
from isogloss.pipeline.repo.outputs import finished_runs, metric_files, read_output
from isogloss.report.comparison import ComparedRun, Comparison
from isogloss.report.readings import Content, all_metrics, read_metric

_MOST_METRICS = 6
"""Number of metrics that are shown if the user chooses none."""


@dataclass(frozen=True)
class _Candidate:
    """A run with all its params and metrics, before those to show are chosen."""

    name: str
    setting: str
    params: Mapping[str, Any]
    content: Content
    stale: str = ""


def compare_sweep(root: Path, sweep: Sweep, metrics: Sequence[str] = ()) -> tuple[Comparison, list[str]]:
    """The finished runs of an experiment file, and notes for the reader.

    Raises
    ------
    PipelineError
        No run is finished, or an output of one is lost.
    """
    finished = finished_runs(sweep, root=root)
    again = f"`isogloss sweep {sweep.path}`"
    if not finished:
        raise PipelineError(f"{sweep.path}: none of its {len(sweep.runs)} runs is finished; {again} does them")
    candidates = [_candidate(finished[run.name], run.setting) for run in sweep.runs if run.name in finished]
    chosen, notes = _chosen(root, candidates, metrics or sweep.experiment.compare.metrics)
    notes += [f"{each.name} is stale: {each.stale}." for each in candidates if each.stale]
    if len(finished) < len(sweep.runs):
        notes.append(f"{len(finished)} of {len(sweep.runs)} runs are finished; {again} does the others.")
    description = sweep.experiment.description
    maximise = frozenset(sweep.experiment.compare.maximise)
    return _comparison(sweep.name, description, candidates, sweep.compared_by, chosen, maximise), notes


def compare_experiments(root: Path, names: Sequence[str], metrics: Sequence[str] = ()) -> tuple[Comparison, list[str]]:
    """The named experiments, or all that started from HEAD, after the workspace and HEAD; and notes for the reader.

    Rows whose metrics were made with other params, code or data are stale: a note says why.

    Raises
    ------
    PipelineError
        There is no experiment of a name.
    """
    found = find(root, names or None)
    missing = [name for name in names if name not in {experiment.name for experiment in found}]
    if missing:
        near = difflib.get_close_matches(missing[0], [experiment.name for experiment in find(root)], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "; `dvc exp list --all-commits` lists them"
        raise PipelineError(f"there is no experiment {missing[0]!r}{hint}")
    params = dict(flattened(read_yaml(root / "params.yaml") or {}))
    workspace = _Candidate("workspace", "workspace", params, _workspace_content(root), _stale_workspace(root))
    candidates = [
        workspace,
        *([_candidate(commit, commit.name)] if (commit := last_commit(root)) else []),
        *(_candidate(experiment, experiment.name) for experiment in found),
    ]
    keys = dict.fromkeys(key for candidate in candidates for key in candidate.params)
    differing = [key for key in keys if len({repr(candidate.params.get(key)) for candidate in candidates}) > 1]
    chosen, notes = _chosen(root, candidates, metrics)
    notes += [f"{each.name} is stale: {each.stale}." for each in candidates if each.stale]
    return _comparison("experiments", "", candidates, differing, chosen, frozenset()), notes


def _candidate(experiment: Experiment, setting: str) -> _Candidate:
    """An experiment as a candidate; each of its files is read once."""

    @cache
    def content(path: str) -> bytes | None:
        return read_output(experiment, path)

    return _Candidate(experiment.name, setting, dict(flattened(experiment.params)), content, experiment.stale)


def _stale_workspace(root: Path) -> str:
    """Why the metrics of the workspace are stale; empty if they belong to its params, code and data."""
    stale = plan(root).stale
    return f"{stale[0].name} would run ({stale[0].why})" if stale else ""


def _workspace_content(root: Path) -> Content:
    """The files of the workspace."""

    @cache
    def content(path: str) -> bytes | None:
        file = root / path
        return file.read_bytes() if file.is_file() else None

    return content


def _chosen(root: Path, candidates: list[_Candidate], wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """The metrics to show, with patterns expanded, and a note; by default the first few metrics that differ."""
    if wanted and not any(_is_pattern(name) for name in wanted):
        return [*wanted], []
    files = metric_files(root)
    known = list(dict.fromkeys(name for each in candidates for name in all_metrics(files, each.content)))
    if wanted:
        matching = [[name] if not _is_pattern(name) else _matches(known, name) for name in wanted]
        return list(dict.fromkeys(name for names in matching for name in names)), []
    differing = [name for name in known if len({read_metric(name, each.content) for each in candidates}) > 1]
    shown = (differing or known)[:_MOST_METRICS]
    left = len(known) - len(shown)
    if not left:
        return shown, []
    note = f"{left} more metrics are the same or left out; choose with --metrics, for instance --metrics '{known[0]}'."
    return shown, [note]


def _is_pattern(name: str) -> bool:
    """Whether a metric's name has wildcards."""
    return any(sign in name for sign in "*?[")


def _matches(known: Iterable[str], pattern: str) -> list[str]:
    """The metrics that match a name or pattern."""
    found = [name for name in known if fnmatchcase(name, pattern)]
    if not found:
        raise PipelineError(f"no metric matches {pattern!r}")
    return found


def _comparison(
    title: str,
    description: str,
    candidates: list[_Candidate],
    params: Sequence[str],
    metrics: Sequence[str],
    maximise: frozenset[str],
) -> Comparison:
    """Params and metrics of all candidates."""
    runs = [
        ComparedRun(
            each.name,
            each.setting,
            {key: each.params.get(key) for key in params},
            {metric: read_metric(metric, each.content) for metric in metrics},
            each.stale,
        )
        for each in candidates
    ]
    return Comparison(title, description, tuple(params), tuple(metrics), tuple(runs), maximise)
