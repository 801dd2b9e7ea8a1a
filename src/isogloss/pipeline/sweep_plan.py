"""What a sweep would do: which runs are finished, and which stages of the others have the same inputs.

All runs start from HEAD. The graph of each run is read in one worktree whose params.yaml is rewritten for each.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from isogloss.config import Run, Sweep
from isogloss.errors import PipelineError
from isogloss.pipeline.experiments import find
from isogloss.pipeline.git import refuse_uncommitted, revision
from isogloss.pipeline.graph import plan_of, stage_name
from isogloss.pipeline.plan import Plan, Reason, Stage
from isogloss.pipeline.repository import open_repo
from isogloss.pipeline.sharing import StageInputs, run_digest, stage_inputs
from isogloss.pipeline.worktree import CacheSettings, Worktree

if TYPE_CHECKING:
    from dvc.repo import Repo

WORKSPACE, SAVE = "(workspace)", "(save)"
"""The jobs of a run before and after its stages."""


@dataclass(frozen=True)
class RunPlan:
    """One run: its stages, what each is made from, and whether an experiment holds their results already.

    `foreign` are files in git that other stages made: they would speak of other params.
    """

    run: Run
    plan: Plan
    inputs: dict[str, StageInputs]
    foreign: tuple[str, ...]
    finished: bool

    @property
    def digest(self) -> str:
        """The digest of all that this run is made from."""
        return run_digest(self.inputs)


@dataclass(frozen=True)
class SweepPlan:
    """A sweep at one commit."""

    sweep: Sweep
    revision: str
    runs: tuple[RunPlan, ...]

    @property
    def unfinished(self) -> tuple[RunPlan, ...]:
        """The runs that are still to be done."""
        return tuple(run for run in self.runs if not run.finished)

    @property
    def leaders(self) -> dict[str, str]:
        """Digest of a stage -> the job that makes its result; jobs of the same digest take it from there."""
        leaders: dict[str, str] = {}
        for run in self.unfinished:
            for stage in run.plan.stages:
                if run.inputs[stage.name].shareable:
                    leaders.setdefault(run.inputs[stage.name].digest, job_name(run.run, stage.name))
        return leaders

    @property
    def leading(self) -> frozenset[str]:
        """The jobs of stages that no other job has gone ahead of."""
        leaders = self.leaders
        names = {
            job_name(run.run, stage.name): run.inputs[stage.name].digest
            for run in self.unfinished
            for stage in run.plan.stages
        }
        return frozenset(name for name, digest in names.items() if leaders.get(digest, name) == name)

    @property
    def jobs(self) -> Plan:
        """The stages of all unfinished runs as one plan.

        Of stages with equal inputs the first one goes ahead; the others need it, and then only restore its outputs:
        they ask for one core and no GPU.
        """
        leaders = self.leaders
        jobs: list[Stage] = []
        for run in self.unfinished:
            start = job_name(run.run, WORKSPACE)
            jobs.append(Stage(start, reasons=(Reason("never run"),)))
            own: list[str] = [start]
            for stage in run.plan.stages:
                name = job_name(run.run, stage.name)
                leader = leaders.get(run.inputs[stage.name].digest, name)
                needs = (start, *(job_name(run.run, other) for other in stage.needs))
                job = replace(stage, name=name, needs=needs, reasons=(Reason("never run"),))
                jobs.append(job if leader == name else replace(job, needs=(*needs, leader), cores=1, gpus=0))
                own.append(name)
            jobs.append(Stage(job_name(run.run, SAVE), needs=tuple(own), reasons=(Reason("never run"),)))
        return Plan(tuple(jobs))


def job_name(run: Run, stage: str) -> str:
    """What the job of a run's stage is called."""
    return f"{run.name}/{stage}"


def sweep_folder(root: Path, sweep: Sweep) -> Path:
    """Where the worktrees of a sweep live; git and DVC ignore it."""
    return root / ".dvc" / "tmp" / "isogloss" / "sweeps" / sweep.name


def plan_sweep(root: Path, sweep: Sweep) -> SweepPlan:
    """Plan a sweep of the clone at `root`, at its HEAD.

    Raises
    ------
    PipelineError
        The clone has uncommitted changes (dvc.lock, files that stages write, and experiments/ apart), the graph cannot
        be read, a target is no stage, a stage reads what nobody makes.
    ParamsError
        An override does not fit into params.yaml.
    """
    head = revision(root)
    with open_repo(root) as repo:
        written = [out.def_path for stage in repo.index.stages for out in stage.outs if not out.use_cache]
    refuse_uncommitted(root, except_for=["dvc.lock", "experiments", *written])
    saved = {experiment.name: experiment for experiment in find(root)}
    worktree = Worktree(root, sweep_folder(root, sweep) / ".plan")
    worktree.make(head, CacheSettings.of(root))
    runs = []
    try:
        for run in sweep.runs:
            worktree.override(run.overrides, where=f"{sweep.path}: run {run.name}")
            planned = _plan_run(worktree.path, sweep, run)
            before = saved.get(run.name)
            runs.append(replace(planned, finished=before is not None and before.inputs == planned.digest))
    finally:
        worktree.remove()
    return SweepPlan(sweep, head, tuple(runs))


def _plan_run(workspace: Path, sweep: Sweep, run: Run) -> RunPlan:
    """The plan of the run whose params the workspace holds."""
    try:
        with open_repo(workspace) as repo:
            plan, inputs, uncached = plan_of(repo), stage_inputs(repo), _uncached(repo)
        if sweep.experiment.targets:
            plan = plan.needed_by(sweep.experiment.targets)
        plan.refuse_impossible()
    except PipelineError as error:
        raise PipelineError(f"{sweep.path}: run {run.name}: {error}") from None
    wanted = {stage.name for stage in plan.stages}
    return RunPlan(
        run=run,
        plan=plan,
        inputs={name: found for name, found in inputs.items() if name in wanted},
        foreign=tuple(path for stage in plan.beyond for path in uncached.get(stage.name, ())),
        finished=False,
    )


def _uncached(repo: "Repo") -> dict[str, list[str]]:
    """Stage -> the outputs that it leaves to git instead of the cache, relative to the root."""
    return {
        stage_name(stage): [
            Path(out.fs_path).relative_to(repo.root_dir).as_posix()
            for out in stage.outs
            if not out.use_cache and out.is_in_repo
        ]
        for stage in repo.index.stages
    }
