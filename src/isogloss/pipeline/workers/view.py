"""The part of this clone that workers see: its last commit and the current params files.

Other uncommitted changes are refused.
"""

from dataclasses import dataclass
from pathlib import Path

from isogloss.errors import PipelineError
from isogloss.pipeline.plan import Plan
from isogloss.pipeline.repo.files import pipeline_files, unknown_to_git
from isogloss.pipeline.repo.git import first_uncommitted, git, revision
from isogloss.pipeline.repo.opening import open_repo


@dataclass(frozen=True)
class WorkersView:
    """The commit that workers check out, and params file -> its text where that differs from the commit."""

    revision: str
    params: dict[str, str]


def workers_view(root: Path, plan: Plan) -> WorkersView:
    """What the workers of a run of `plan` get to see.

    Raises `PipelineError`: a tracked file (params files, dvc.lock, outputs and experiments/ apart) has uncommitted
    changes; a stage reads a file that git does not have; there is no DVC remote, or no commit.
    """
    with open_repo(root) as repo:
        if not repo.config["core"].get("remote"):
            raise PipelineError(
                "workers exchange results through a DVC remote, and this clone has no default one; "
                "`dvc remote add --default NAME ADDRESS` names it"
            )
        files = pipeline_files(repo, {stage.name for stage in plan.stale})
        unknown = unknown_to_git(repo, sorted(files.given))
    head = revision(root)
    changed = first_uncommitted(root, except_for=["dvc.lock", "experiments", *files.written, *files.params])
    if changed:
        raise PipelineError(f"{changed} has uncommitted changes, which workers cannot see; commit them")
    if unknown:
        raise PipelineError(f"a stage reads {unknown}, which git does not have and workers cannot see; commit it")
    return WorkersView(head, {path: text for path in sorted(files.params) if (text := _changed(root, path))})


def _changed(root: Path, path: str) -> str | None:
    """The text of a file that differs from the commit's, or that the commit does not have."""
    text = (root / path).read_text(encoding="utf-8") if (root / path).is_file() else None
    try:
        committed = git(root, "show", f"HEAD:./{path}")
    except PipelineError:
        return text
    return text if text is not None and text.rstrip("\n") != committed.rstrip("\n") else None
