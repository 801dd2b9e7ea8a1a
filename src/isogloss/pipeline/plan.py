"""The plan of a run: the stages in order, which of them are stale, and why. Plain data, no DVC.

`isogloss.pipeline.repo.graph` makes a `Plan` from the DVC repository; the scheduler, the terminal and Prefect read it.
"""

import difflib
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from isogloss.errors import PipelineError

ReasonKind = Literal[
    "never run",
    "always runs",
    "command changed",
    "param changed",
    "param new",
    "param missing",
    "dependency changed",
    "dependency new",
    "dependency missing",
    "output changed",
    "output new",
    "output missing",
    "output not in cache",
    "downstream",
    "forced",
]

_TEMPLATES: dict[str, str] = {
    "param changed": "{what}: {old} → {new}",
    "param new": "{what} is new: {new}",
    "param missing": "{what} is missing",
    "dependency changed": "{what} changed",
    "dependency new": "{what} is a new dependency",
    "dependency missing": "{what} is missing",
    "output changed": "output {what} was changed",
    "output new": "output {what} is new",
    "output missing": "output {what} is missing",
    "output not in cache": "output {what} is not in the cache",
    "downstream": "after {what}",
}


LONGEST_VALUE = 200
"""Number of characters of a value that are shown: enough to show lists of rules and methods in full."""


@dataclass(frozen=True)
class Reason:
    """Why a stage is stale: the kind, the param, path or stage it is about, and the values where they are known."""

    kind: ReasonKind
    what: str = ""
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        template = _TEMPLATES.get(self.kind, self.kind)
        return template.format(what=self.what, old=_short(self.old), new=_short(self.new))


def _short(value: Any) -> str:
    """A value of params.yaml on one line, shortened if it is very long."""
    text = value if isinstance(value, str) else "null" if value is None else repr(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


@dataclass(frozen=True)
class Stage:
    """One stage of the DVC graph.

    `name` is DVC's name of the stage (`mitigate@ewc`); `needs` are the stages whose outputs it reads. `cores`, `gpus`
    and `retries` come from its `meta` in dvc.yaml (`cores`, `gpu`, `retries`; by default 1, 0 and 0). The scheduler's
    own jobs may request no core. `outs` are its outputs in the repository, relative to the root. `shareable` says
    whether another workspace can get its result from the run cache.
    """

    name: str
    needs: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    cores: int = 1
    gpus: int = 0
    retries: int = 0
    outs: tuple[str, ...] = ()
    shareable: bool = True

    @property
    def stale(self) -> bool:
        """Whether a run has to check this stage."""
        return bool(self.reasons)

    @property
    def forced(self) -> bool:
        """Whether its command has to run even if DVC has its result."""
        return any(reason.kind == "forced" for reason in self.reasons)

    @property
    def why(self) -> str:
        """The reasons on one line; stale stages that it depends on are named last."""
        own = [str(reason) for reason in self.reasons if reason.kind != "downstream"]
        upstream = [reason.what for reason in self.reasons if reason.kind == "downstream"]
        return "; ".join([*own, f"after {', '.join(upstream)}"] if upstream else own)


@dataclass(frozen=True)
class Plan:
    """The stages in an order in which they can run, each after those that it depends on.

    `beyond` are stages of the graph that are no part of a run of chosen targets. `params` are the params files that
    the plan was made from (relative to the root), and their contents.
    """

    stages: tuple[Stage, ...]
    beyond: tuple[Stage, ...] = ()
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    @property
    def stale(self) -> tuple[Stage, ...]:
        """The stages that a run has to check."""
        return tuple(stage for stage in self.stages if stage.stale)

    def needed_by(self, targets: Iterable[str]) -> "Plan":
        """The plan of `targets` and all stages upstream of them.

        A target is a stage, or the name before the `@` for all stages of a `foreach`.

        Raises `PipelineError`: a target is no stage.
        """
        stages = {stage.name: stage for stage in self.stages}
        wanted: set[str] = set()
        to_visit = [name for target in targets for name in self._matching(target)]
        while to_visit:
            name = to_visit.pop()
            if name not in wanted:
                wanted.add(name)
                to_visit.extend(stages[name].needs)
        return Plan(
            stages=tuple(stage for stage in self.stages if stage.name in wanted),
            beyond=tuple(stage for stage in self.stages if stage.name not in wanted),
            params=self.params,
        )

    def forcing(self, targets: Iterable[str]) -> "Plan":
        """The plan in which the stages of `targets` (all if none is named) run even if they are up to date.

        Stages downstream of them are checked again.

        Raises `PipelineError`: a target is no stage.
        """
        forced = {name for target in targets for name in self._matching(target)} or {s.name for s in self.stages}
        stages: dict[str, Stage] = {}
        for stage in self.stages:
            known = {reason.what for reason in stage.reasons if reason.kind == "downstream"}
            stale = [need for need in stage.needs if need not in known and need in stages and stages[need].stale]
            new = [Reason("forced")] if stage.name in forced else []
            new += [Reason("downstream", need) for need in stale]
            stages[stage.name] = replace(stage, reasons=(*stage.reasons, *new))
        return replace(self, stages=tuple(stages.values()))

    def longest_chain_first(self, seconds: Mapping[str, float]) -> "Plan":
        """The same stages by the time that stale ones take after the start of each; ties keep their order.

        A stage is still after what it needs. The stages on which the end of the run depends so get cores first.

        Parameters
        ----------
        seconds
            How long stages took when they last ran. A stage that is not among them counts as long as the median one.
        """
        stale = {stage.name for stage in self.stale}
        remaining = self._remaining(
            {name: time if name in stale else 0.0 for name, time in self._times(seconds).items()}
        )
        return replace(self, stages=tuple(sorted(self.stages, key=lambda stage: -remaining[stage.name])))

    def critical_path(self, seconds: Mapping[str, float]) -> tuple[str, ...]:
        """The stages, one after the other, that take longest together: no number of cores makes a full run shorter.

        `seconds` is as in `longest_chain_first`.
        """
        remaining = self._remaining(self._times(seconds))
        path: list[str] = []
        next_ones = list(remaining)
        while next_ones:
            path.append(max(next_ones, key=remaining.__getitem__))
            next_ones = [stage.name for stage in self.stages if path[-1] in stage.needs]
        return tuple(path)

    def _times(self, seconds: Mapping[str, float]) -> dict[str, float]:
        """The seconds of each stage; the median one's, or 1, for a stage without."""
        known = [seconds[stage.name] for stage in self.stages if stage.name in seconds]
        unknown = statistics.median(known) if known else 1.0
        return {stage.name: seconds.get(stage.name, unknown) for stage in self.stages}

    def _remaining(self, seconds: Mapping[str, float]) -> dict[str, float]:
        """The seconds from the start of each stage to the end of the run, if no stage waited for cores."""
        remaining = dict(seconds)
        for stage in reversed(self.stages):
            for need in stage.needs:
                if need in remaining:
                    remaining[need] = max(remaining[need], seconds[need] + remaining[stage.name])
        return remaining

    def _matching(self, target: str) -> list[str]:
        """The stages that match a target on the command line."""
        names = [stage.name for stage in self.stages]
        found = [name for name in names if name == target or name.startswith(f"{target}@")]
        if not found:
            near = difflib.get_close_matches(target, names, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"stages are {', '.join(names)}"
            raise PipelineError(f"dvc.yaml has no stage {target!r}; {hint}")
        return found

    def refuse_impossible(self) -> None:
        """Raise `PipelineError` for the first stale stage that reads a missing param or file that no stage makes."""
        for stage in self.stale:
            for reason in stage.reasons:
                if reason.kind == "param missing":
                    raise PipelineError(f"stage {stage.name} reads {reason.what}, which is missing; add it")
                if reason.kind == "dependency missing":
                    raise PipelineError(
                        f"stage {stage.name} depends on {reason.what}, which does not exist and no stage makes; "
                        "add it or correct dvc.yaml"
                    )
