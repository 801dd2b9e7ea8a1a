"""The outputs of finished runs, straight from the DVC cache: for studies, which compute over seeds and speakers."""

import difflib
from functools import cache
from pathlib import Path

from isogloss.config import Sweep, load_sweep
from isogloss.errors import PipelineError
from isogloss.pipeline.repo.experiments import Experiment, cached_file, find, has_params
from isogloss.pipeline.repo.opening import open_repo
from isogloss.pipeline.repo.worktree import CacheSettings


def finished_runs(sweep: Sweep, *, root: Path | str = ".") -> dict[str, Experiment]:
    """Run -> its experiment, in the order of the file, for all runs that are finished with the params of the file.

    The experiment of HEAD counts, else the newest one that was made from another commit.
    """
    saved = {experiment.name: experiment for experiment in find(Path(root), [run.name for run in sweep.runs])}
    return {
        run.name: saved[run.name]
        for run in sweep.runs
        if run.name in saved and has_params(saved[run.name], run.overrides)
    }


@cache
def _objects(root: Path) -> Path:
    """The folder of a clone's cache where files lie by their hash."""
    return CacheSettings.of(root).files


def experiment_outputs(experiment: Path | str, path: str, *, root: Path | str = ".") -> dict[str, Path]:
    """Run -> file with its output `path`, for the finished runs of an experiment file (relative to `root`).

    See `output_file`. Raises `ParamsError` if the experiment file is wrong.
    """
    sweep = load_sweep(Path(root) / experiment, params=Path(root) / "params.yaml")
    return {name: output_file(run, path) for name, run in finished_runs(sweep, root=root).items()}


def output_file(experiment: Experiment, path: str) -> Path:
    """The file of a finished run's output `path`, or of a file in an output folder, in the DVC cache.

    Read it, never write to it; its name has no suffix. Raises `PipelineError` if the run has no such output (the
    nearest is named), or the cache has lost it.
    """
    file = cached_file(experiment, path, _objects(experiment.root.resolve()))
    if file is not None:
        return file
    if experiment.output_of(path):
        why = f"{path} is not in the DVC cache, or not in its folder; `dvc fetch` gets it from a remote"
    else:
        near = difflib.get_close_matches(path, experiment.outputs, n=1, cutoff=0.4)
        why = f"it has no output {path}" + (f"; did you mean {near[0]}?" if near else "")
    raise PipelineError(f"experiment {experiment.name}: {why}")


def read_output(experiment: Experiment, path: str) -> bytes | None:
    """The content of a file of an experiment, from git or the DVC cache; None if the experiment has no such file.

    Raises `PipelineError`: it is an output, but the cache has lost it; or it is a folder.
    """
    if path in experiment.files:
        return experiment.text(path).encode("utf-8", errors="surrogateescape")
    return output_file(experiment, path).read_bytes() if experiment.output_of(path) else None


def metric_files(root: Path | str = ".") -> list[str]:
    """The metrics files of dvc.yaml, relative to the root; raises `PipelineError` if dvc.yaml cannot be read."""
    root = Path(root).resolve()
    with open_repo(root) as repo:
        paths = [Path(out.fs_path) for stage in repo.index.stages for out in stage.outs if out.is_metric]
    return [path.relative_to(root).as_posix() for path in paths if path.is_relative_to(root)]
