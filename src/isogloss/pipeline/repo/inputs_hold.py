"""Refusing to record a stage whose inputs were edited while it ran.

`dvc repro` hashes the dependencies of a stage again after its command and records these later hashes. If params were
edited while the stage ran, dvc.lock and the run cache would name the new params for results of the old ones, and a
later run would restore the wrong model. Here the hashes before and after the command have to agree. A stage is also
refused if the params have changed since the run was planned.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvc.dependency import Dependency
    from dvc.stage import Stage as DvcStage

Params = Mapping[str, Mapping[str, Any]]
"""Params file, relative to the root -> its content."""
_SHOWN_CHARACTERS = 40


@cache
def hold_inputs(params: Path | None) -> None:
    """Make DVC, in this process, compare the inputs of a stage before and after its command.

    `params` is a JSON file with the params files as they were when the run began (`write_snapshot`), if they are known.
    """
    from dvc.exceptions import DvcException
    from dvc.stage import Stage, run

    snapshot: Params = json.loads(params.read_text(encoding="utf-8")) if params else {}
    before: dict[int, dict[str, Any]] = {}
    run_command, save_deps = run.cmd_run, Stage.save_deps

    def run_held(stage: Any, dry: bool = False, run_env: Any = None) -> None:
        before[id(stage)] = {str(dep): _value(dep) for dep in stage.deps}
        run_command(stage, dry=dry, run_env=run_env)

    def save_held(stage: Any, allow_missing: bool = False) -> None:
        save_deps(stage, allow_missing=allow_missing)
        planned = {str(dep): _planned(dep, snapshot) for dep in stage.params if _file(dep) in snapshot}
        for found, when in ((before.get(id(stage), {}), "while the stage ran"), (planned, "after this run began")):
            for dep in stage.deps:
                if str(dep) in found and found[str(dep)] != _value(dep):
                    raise DvcException(_sentence(stage, dep, found[str(dep)], when))

    run.cmd_run, Stage.save_deps = run_held, save_held


def write_snapshot(path: Path, params: Params) -> None:
    """Write the params files of a run for `hold_inputs`."""
    from isogloss.pipeline.repo.durable import replace_text

    replace_text(path, json.dumps(params, default=str))


def _value(dep: "Dependency") -> Any:
    """A dependency as dvc.lock would record it: the JSON values of params, the hash of anything else."""
    value = dep.hash_info.value if dep.hash_info else None
    return json.loads(json.dumps(value, default=str)) if isinstance(value, dict) else value


def _planned(dep: Any, snapshot: Params) -> dict[str, Any]:
    """The params of a dependency as they were when the run began; those that were missing are left out."""
    from isogloss.pipeline.repo.graph import ABSENT, lookup

    content = snapshot[_file(dep)]
    if not dep.params:
        return dict(content)
    values = {key: lookup(content, key) for key in dep.params}
    return {key: value for key, value in values.items() if value is not ABSENT}


def _file(dep: "Dependency") -> str:
    """The path of a dependency relative to the root."""
    try:
        return Path(dep.fs_path).relative_to(dep.repo.root_dir).as_posix()
    except ValueError:
        return str(dep.fs_path)


def _sentence(stage: "DvcStage", dep: "Dependency", before: Any, when: str) -> str:
    """The error message: what was edited, and what to do."""
    what = _file(dep)
    now = _value(dep)
    if isinstance(before, dict) and isinstance(now, dict):
        from isogloss.config.overrides import flattened

        old, new = dict(flattened(before)), dict(flattened(now))
        key = next(key for key in {**old, **new} if old.get(key) != new.get(key))
        what += f" ({key}: {_shown(old.get(key))} before, {_shown(new.get(key))} now)"
    return f"{what} was edited {when}, so nothing of {stage.addressing} is recorded; run it again"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
