"""The plan of a sweep: which runs are finished, and which stages of the other runs have the same inputs.

All runs start from HEAD. The graph of each run is read in one worktree whose params.yaml is rewritten for each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from isogloss.config import Run, Sweep
from isogloss.errors import PipelineError
from isogloss.pipeline.plan import Plan, Reason, Stage
from isogloss.pipeline.repo.experiments import find
from isogloss.pipeline.repo.files import uncached
from isogloss.pipeline.repo.git import refuse_uncommitted, revision
from isogloss.pipeline.repo.graph import plan_of
from isogloss.pipeline.repo.opening import open_repo
from isogloss.pipeline.repo.sharing import StageInputs, run_digest, stage_inputs
from isogloss.pipeline.repo.worktree import CacheSettings, Worktree

WORKSPACE, SAVE = "(workspace)", "(save)"
"""The jobs of a run before and after its stages."""
_NEVER = (Reason("never run"),)


@dataclass(frozen=True)
class RunPlan:
    """One run: its stages, their inputs, and whether an experiment already holds their results.

    `foreign` are files in git that other stages made, from other params.
    """

    run: Run
    plan: Plan
    inputs: dict[str, StageInputs]
    foreign: tuple[str, ...]
    finished: bool

    @property
    def digest(self) -> str:
        """The digest of all inputs of this run."""
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
        """Digest of a stage -> the job that makes its result; other jobs of the same digest restore it."""
        leaders: dict[str, str] = {}
        for run in self.unfinished:
            for stage in run.plan.stages:
                if run.inputs[stage.name].shareable:
                    leaders.setdefault(run.inputs[stage.name].digest, job_name(run.run, stage.name))
        return leaders

    @property
    def leading(self) -> frozenset[str]:
        """The jobs of stages whose result no other job makes before them."""
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

        The first of several stages with equal inputs is executed. The others depend on it and only restore its outputs,
        so they request one core and no GPU.
        """
        leaders = self.leaders
        return Plan(tuple(job for run in self.unfinished for job in _jobs(run, leaders)))


def _jobs(run: RunPlan, leaders: dict[str, str]) -> Iterator[Stage]:
    """The jobs of one run: its workspace, its stages, the saving of its results."""
    name_of = {stage.name: job_name(run.run, stage.name) for stage in run.plan.stages}
    leader_of = {stage: leaders.get(run.inputs[stage].digest, name) for stage, name in name_of.items()}
    led = {stage for stage, name in name_of.items() if leader_of[stage] != name}
    start = job_name(run.run, WORKSPACE)
    yield Stage(start, tuple(sorted({leader_of[stage] for stage in _first_needed(run, led)})), _NEVER)
    for stage in run.plan.stages:
        needs = (start, *(name_of[other] for other in stage.needs))
        job = replace(stage, name=name_of[stage.name], needs=needs, reasons=_NEVER)
        yield replace(job, needs=(*needs, leader_of[stage.name]), cores=1, gpus=0) if stage.name in led else job
    # Saving requests no core, since it is short and must not wait behind a large stage of a later run.
    yield Stage(job_name(run.run, SAVE), (start, *name_of.values()), _NEVER, cores=0)


def _first_needed(run: RunPlan, led: set[str]) -> set[str]:
    """The jobs of other runs whose results this run needs before it can execute its own first stage.

    The workspace is created only then and filled with all these results at once. (A stage upstream of a shared stage is
    shared too.)
    """
    own = [stage for stage in run.plan.stages if stage.name not in led]
    begin = [stage for stage in own if {*stage.needs} <= led]
    return {need for stage in begin for need in stage.needs} if begin else led


def job_name(run: Run, stage: str) -> str:
    """The name of the job of a run's stage."""
    return f"{run.name}/{stage}"


def sweep_folder(root: Path, sweep: Sweep) -> Path:
    """The folder of a sweep's worktrees; git and DVC ignore it."""
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
        written = [path for paths in uncached(repo).values() for path in paths]
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
            plan, inputs, left_to_git = plan_of(repo), stage_inputs(repo), uncached(repo)
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
        foreign=tuple(path for stage in plan.beyond for path in left_to_git.get(stage.name, ())),
        finished=False,
    )
