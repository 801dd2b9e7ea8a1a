"""Reading the DVC graph: what is stale and why. DVC's internals are those of 3.67.

DVC's own `status` is not transitive and refuses to work while a stage runs, because it takes the repository's lock. The
plan here reads without that lock, compares every stage with dvc.lock by DVC's own comparison, names the changed params
with both values, and then takes the downstream closure. It is a forecast: `dvc repro` checks each stage again when it
is reached, so stages downstream of an output that did not change are skipped.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.errors import PipelineError
from isogloss.pipeline.plan import Plan, Reason, ReasonKind, Stage
from isogloss.pipeline.repo.opening import open_repo
from isogloss.pipeline.repo.run_cache import has_run_cache

if TYPE_CHECKING:
    from dvc.dependency import Dependency, ParamsDependency
    from dvc.output import Output
    from dvc.repo import Repo
    from dvc.stage import Stage as DvcStage

ReadParams = Callable[[str], dict[str, Any]]

# DVC has other words for dependencies outside the repository (`update available`), which mean that they changed.
_DEPENDENCY_KINDS: dict[str, ReasonKind] = {"deleted": "dependency missing", "new": "dependency new"}
_OUTPUT_KINDS: dict[str, ReasonKind] = {
    "deleted": "output missing",
    "modified": "output changed",
    "new": "output new",
    "not in cache": "output not in cache",
}


def plan(root: Path | str = ".") -> Plan:
    """The plan of the DVC repository whose root is `root`.

    Raises `PipelineError`: `root` is no DVC repository, dvc.yaml or dvc.lock is not valid, the graph has a cycle, or a
    stage's `meta` asks for an impossible number of cores or GPUs.
    """
    with open_repo(root) as repo:
        return plan_of(repo)


def stage_names(root: Path | str = ".") -> list[str]:
    """The names of a repository's stages, without checking whether they are stale; raises as `plan` does."""
    with open_repo(root) as repo:
        return [stage_name(stage) for stage in repo.index.stages]


def plan_of(repo: "Repo") -> Plan:
    """The plan of an open repository; raises DVC's own errors."""
    from dvc.utils.serialize import load_path

    @cache
    def read_params(path: str) -> dict[str, Any]:
        content = load_path(path, repo.fs) or {}
        params[os.path.relpath(path, repo.root_dir)] = content
        return content

    params: dict[str, Any] = {}
    stages = _stages(repo, read_params)
    made = {out for stage in stages for out in stage.outs}
    return Plan(stages, params={path: content for path, content in params.items() if path not in made})


def _stages(repo: "Repo", read_params: ReadParams) -> tuple[Stage, ...]:
    """Topological order, own reasons, then the downstream closure."""
    import networkx as nx

    graph = repo.index.graph  # An edge points from a stage to the stage that it depends on.
    position = {stage: number for number, stage in enumerate(graph)}
    order = nx.lexicographical_topological_sort(graph.reverse(copy=False), key=position.__getitem__)
    stages: dict[str, Stage] = {}
    for dvc_stage in order:
        upstream = sorted(graph.successors(dvc_stage), key=position.__getitem__)
        needs = [stage_name(other) for other in upstream]
        reasons = _own_reasons(repo, dvc_stage, upstream, read_params)
        if not dvc_stage.frozen and Reason("never run") not in reasons:
            reasons += [Reason("downstream", name) for name in needs if stages[name].stale]
        name = stage_name(dvc_stage)
        stages[name] = Stage(
            name=name,
            needs=tuple(needs),
            reasons=tuple(reasons),
            cores=_meta_number(dvc_stage, name, "cores", default=1, least=1),
            gpus=_meta_number(dvc_stage, name, "gpu", default=0, least=0),
            retries=_meta_number(dvc_stage, name, "retries", default=0, least=0),
            outs=tuple(_relative(repo, out) for out in dvc_stage.outs if out.is_in_repo),
            shareable=has_run_cache(dvc_stage),
        )
    return tuple(stages.values())


def stage_name(stage: "DvcStage") -> str:
    """What `dvc repro`, started in the root, calls a stage: its name, `folder/dvc.yaml:name` or `file.dvc`."""
    name = getattr(stage, "name", None)
    if name is None:
        return str(stage.path_in_repo)
    return str(name) if stage.path_in_repo == "dvc.yaml" else f"{stage.path_in_repo}:{name}"


def _meta_number(stage: "DvcStage", name: str, key: str, *, default: int, least: int) -> int:
    """A whole number from a stage's `meta`."""
    value = (stage.meta or {}).get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise PipelineError(
            f"dvc.yaml: stage {name}: meta.{key} is {value!r}, but must be a whole number of at least {least}"
        )
    return value


def _own_reasons(repo: "Repo", stage: "DvcStage", upstream: list["DvcStage"], read_params: ReadParams) -> list[Reason]:
    """The reasons why a stage would run even if nothing upstream changes."""
    if not any(entry.hash_info for entry in (*stage.deps, *stage.outs)):
        inputs = _input_reasons(repo, stage, upstream, read_params)
        return [*(each for each in inputs if each.kind in ("param missing", "dependency missing")), Reason("never run")]
    reasons: list[Reason] = []
    if stage.changed_stage():
        reasons.append(Reason("command changed"))
    if stage.is_callback or stage.always_changed:
        reasons.append(Reason("always runs"))
    if not stage.frozen:
        reasons += _input_reasons(repo, stage, upstream, read_params)
    for out in stage.outs:
        for status in out.status().values():
            reasons.append(Reason(_OUTPUT_KINDS[status], _relative(repo, out)))
    return reasons


def _input_reasons(
    repo: "Repo", stage: "DvcStage", upstream: list["DvcStage"], read_params: ReadParams
) -> list[Reason]:
    """The changed params and dependencies of a stage."""
    reasons: list[Reason] = []
    for params in stage.params:
        reasons += _param_reasons(repo, params, read_params)
    for dep in stage.deps:
        if dep in stage.params:
            continue
        for status in dep.status().values():
            kind = _DEPENDENCY_KINDS.get(status, "dependency changed")
            if kind == "dependency missing" and overlaps(dep, upstream):
                continue  # The stage that makes it is stale and will make it.
            reasons.append(Reason(kind, _relative(repo, dep)))
    return reasons


def overlaps(dep: "Dependency", upstream: Iterable["DvcStage"]) -> bool:
    """Whether a dependency lies in an output of one of the stages, or contains one."""
    path, outs = Path(dep.fs_path), [Path(out.fs_path) for stage in upstream for out in stage.outs]
    return any(path.is_relative_to(out) or out.is_relative_to(path) for out in outs)


def _relative(repo: "Repo", entry: "Output") -> str:
    """The path of a dependency or output as it is written in dvc.yaml at the root; an address outside stays whole."""
    if entry.fs.protocol != "local":
        return str(entry)
    return os.path.relpath(entry.fs_path, repo.root_dir)


def _param_reasons(repo: "Repo", params: "ParamsDependency", read_params: ReadParams) -> Iterator[Reason]:
    """The params of one file that differ from dvc.lock, down to the single value in a section."""
    file = _relative(repo, params)
    if not params.exists:
        yield Reason("dependency missing", file)
        return
    prefix = "" if file == "params.yaml" else f"{file}:"
    recorded = params.hash_info.value if params.hash_info else {}
    actual = read_params(params.fs_path)
    for key in params.params or sorted({*actual, *recorded}):
        now = lookup(actual, key)
        before = recorded.get(key, ABSENT)
        if now is ABSENT:
            yield Reason("param missing", f"{prefix}{key} in {file}" if not prefix else f"{prefix}{key}")
        elif now != before:
            yield from _differences(f"{prefix}{key}", before, now)


ABSENT: Any = object()
"""Stands for a param that a file does not have."""


def lookup(values: Any, dotted_key: str) -> Any:
    """The value at a dotted key, or `ABSENT`."""
    for part in dotted_key.split("."):
        if isinstance(values, dict) and part in values:
            values = values[part]
        elif isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        else:
            return ABSENT
    return values


def _differences(key: str, before: Any, now: Any) -> Iterator[Reason]:
    """Where two values of a param differ, leaf by leaf."""
    if isinstance(before, dict) and isinstance(now, dict):
        for part in [*now, *(part for part in before if part not in now)]:
            old, new = before.get(part, ABSENT), now.get(part, ABSENT)
            if old != new:
                yield from _differences(f"{key}.{part}", old, new)
    elif before is ABSENT:
        yield Reason("param new", key, new=now)
    elif now is ABSENT:
        yield Reason("param changed", key, old=before, new="(removed)")
    else:
        yield Reason("param changed", key, old=before, new=now)
