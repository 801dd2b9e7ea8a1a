"""Runs as DVC experiments: saved as commits under refs/exps, where `dvc exp show` finds them, and read from there.

`dvc exp save` is not used, since it would commit every stage of dvc.yaml, whether or not it belongs to the run, and
uses refs that all worktrees of a clone share. DVC recognises as an experiment any commit under `refs/exps/<2
digits>/<38 digits>/<name>` whose parent is the baseline.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from isogloss.config import Overrides, flattened, overridden
from isogloss.config.reading import parse_yaml
from isogloss.errors import PipelineError
from isogloss.pipeline.repo.cache_check import matches_hash, object_name
from isogloss.pipeline.repo.git import git, revision
from isogloss.pipeline.repo.graph import ABSENT, lookup
from isogloss.pipeline.repo.mending import Entries, lock_entries

_TRAILER = "Isogloss-Inputs"


@dataclass(frozen=True)
class Experiment:
    """A saved experiment: the commit it started from (`baseline`), and its own."""

    root: Path
    name: str
    baseline: str
    commit: str

    @cached_property
    def inputs(self) -> str | None:
        """The digest of all its inputs; None for an experiment that no sweep made."""
        found = re.search(
            rf"^{_TRAILER}: (\w+)$", git(self.root, "log", "-1", "--format=%B", self.commit), re.MULTILINE
        )
        return found[1] if found else None

    @cached_property
    def params(self) -> dict[str, Any]:
        """Its params.yaml."""
        return parse_yaml(self.text("params.yaml"), where=f"params.yaml of experiment {self.name}") or {}

    @cached_property
    def files(self) -> frozenset[str]:
        """The paths that its commit holds."""
        return frozenset(git(self.root, "ls-tree", "-r", "-z", "--name-only", self.commit).split("\0"))

    @cached_property
    def stale(self) -> str:
        """Why its results do not belong to its params: a param whose value differs in dvc.lock; empty if there is none.

        (Only params.yaml is compared: the code and the data of another commit are not here.)
        """
        for name, entry in self._entries.items():
            for key, before in entry.get("params", {}).get("params.yaml", {}).items():
                now = lookup(self.params, key)
                if now is not ABSENT and now != before:
                    return f"{name} has not run since {key} changed"
        return ""

    @cached_property
    def _entries(self) -> Entries:
        """The entries of its dvc.lock, without those of former stages, which DVC leaves there."""
        stages = lock_entries(self.text("dvc.lock").encode()) if "dvc.lock" in self.files else {}
        if stages is None:
            raise PipelineError(f"experiment {self.name} holds a damaged dvc.lock; remove it with `dvc exp remove`")
        return {name: entry for name, entry in stages.items() if self._has_stage(name)}

    def _has_stage(self, name: str) -> bool:
        """Whether its dvc.yaml defines a stage."""
        stage, at, item = name.partition("@")
        definition = self._definitions.get(stage)
        if definition is None or ("foreach" in definition or "matrix" in definition) != bool(at):
            return False
        items = definition.get("foreach")
        if isinstance(items, str):  # such as ${mitigation.methods}
            items = lookup(self.params, items.strip("${} "))
        # A matrix, or a list that is no param: DVC alone can tell.
        return not isinstance(items, list | dict) or item in map(str, items)

    @cached_property
    def _definitions(self) -> Mapping[str, Any]:
        """The stages of its dvc.yaml, as they are written there."""
        text = self.text("dvc.yaml") if "dvc.yaml" in self.files else ""
        return (parse_yaml(text, where=f"dvc.yaml of experiment {self.name}") or {}).get("stages") or {}

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Path -> hash of every output of its stages, from dvc.lock; the hash of a folder ends in `.dir`."""
        return {
            out["path"]: out["md5"] for stage in self._entries.values() for out in stage.get("outs", []) if "md5" in out
        }

    def output_of(self, path: str) -> str | None:
        """The output that a path is or lies in."""
        return next((out for out in self.outputs if path == out or path.startswith(f"{out}/")), None)

    def text(self, path: str) -> str:
        """A file of its commit; raises `PipelineError` where it holds no such file."""
        return git(self.root, "show", f"{self.commit}:{path}")


def save(worktree: Path, *, root: Path, name: str, baseline: str, message: str, inputs: str) -> str:
    """Commit a workspace as the experiment `name` of `baseline`; one of that name is replaced. Returns the commit.

    Raises `PipelineError`: Git refuses.
    """
    git(worktree, "add", "--all")
    git(worktree, "update-index", "--force-remove", ".dvc/config.local")  # Needed if git does not ignore it.
    tree = git(worktree, "write-tree")
    text = f"{message}\n\n{_TRAILER}: {inputs}\n"
    commit = git(worktree, "commit-tree", tree, "-p", baseline, "-m", text, environment=_identity(root))
    git(root, "update-ref", _ref(baseline, name), commit)
    return commit


def find(root: Path, names: Iterable[str] | None = None) -> list[Experiment]:
    """The saved experiments: those of `names` if some are given, else those whose baseline is HEAD.

    If several have the same name, the one based on HEAD is taken, else the newest.
    """
    head = revision(root)
    base = _ref(head, "").rstrip("/") if names is None else "refs/exps"
    wanted = None if names is None else {*names}
    newest_first = git(root, "for-each-ref", "--sort=-creatordate", "--format=%(objectname) %(refname)", base)
    found: dict[str, Experiment] = {}
    for line in newest_first.splitlines():
        commit, ref = line.split(" ", 1)
        parts = ref.split("/")
        if len(parts) != 5 or not re.fullmatch(r"[0-9a-f]{40}", parts[2] + parts[3]):
            continue  # DVC's own stashes and markers
        experiment = Experiment(root, parts[4], parts[2] + parts[3], commit)
        wins = experiment.name not in found or experiment.baseline == head
        if wins and (wanted is None or experiment.name in wanted):
            found[experiment.name] = experiment
    order = list(names) if names is not None else sorted(found)
    return [found[name] for name in order if name in found]


def last_commit(root: Path) -> Experiment | None:
    """HEAD as an experiment; None where it has no params.yaml."""
    head = revision(root)
    commit = Experiment(root, "last commit", head, head)
    return commit if "params.yaml" in commit.files else None


def has_params(experiment: Experiment, overrides: Overrides) -> bool:
    """Whether an experiment was made with these overrides."""
    with_them = overridden(experiment.params, overrides, where=f"experiment {experiment.name}")
    return dict(flattened(with_them)) == dict(flattened(experiment.params))


def cached_file(experiment: Experiment, path: str, cache: Path) -> Path | None:
    """An output of an experiment, or a file in an output folder, in the DVC cache; None where that has none.

    Raises `PipelineError`: `path` is a folder, or what the cache has of it is damaged.
    """
    out = experiment.output_of(path)
    if out is None:
        return None
    found = _object(experiment, out, experiment.outputs[out], cache)
    if not experiment.outputs[out].endswith(".dir"):
        return found if path == out else None
    if path == out:
        raise PipelineError(f"{path} is a folder; name a file in it")
    listing = json.loads(found.read_text(encoding="utf-8")) if found else []
    inside = {f"{out}/{entry['relpath']}": entry["md5"] for entry in listing}
    return _object(experiment, path, inside[path], cache) if path in inside else None


def _object(experiment: Experiment, path: str, md5: str, cache: Path) -> Path | None:
    """The object of an output in DVC's cache, if it is there; raises `PipelineError` if it does not match its hash."""
    place = cache / md5[:2] / md5[2:]
    if not place.is_file():
        return None
    if not matches_hash(place, md5):
        raise PipelineError(
            f"experiment {experiment.name}: {path} is damaged in DVC's cache ({object_name(place)}); remove {place}, "
            f"then `dvc fetch` it from a remote, or `dvc exp remove {experiment.name}` and sweep again"
        )
    return place


def _ref(baseline: str, name: str) -> str:
    return f"refs/exps/{baseline[:2]}/{baseline[2:]}/{name}"


def _identity(root: Path) -> Mapping[str, str]:
    """Git's options for the committer; a neutral name if git has none configured."""
    try:
        git(root, "var", "GIT_COMMITTER_IDENT")
        return {}
    except PipelineError:
        who = {"NAME": "isogloss", "EMAIL": "isogloss@localhost"}
        return {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
