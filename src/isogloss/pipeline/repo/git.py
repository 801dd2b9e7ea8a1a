"""Git commands, in sessions of their own so that Ctrl-C in a terminal does not cut one short."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from isogloss.errors import PipelineError
from isogloss.pipeline.masking import masked


def git(root: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """The output of `git ARGUMENTS` in `root`, without the last newline; no hooks are run.

    Raises `PipelineError`: Git is not installed, or the command fails.
    """
    command = ["git", "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        result = subprocess.run(
            command,
            cwd=root,
            capture_output=True,
            check=True,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    except OSError as error:
        raise PipelineError(f"git cannot be run: {error}") from None
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.decode(errors="replace").split())
        raise PipelineError(f"`git {arguments[0]}` failed in {root}: {masked(said)}") from None
    return result.stdout.decode("utf-8", errors="surrogateescape").removesuffix("\n")


def revision(root: Path, name: str = "HEAD") -> str:
    """The commit that a name stands for, as 40 hexadecimal digits; raises `PipelineError` if there is none."""
    try:
        return git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except PipelineError:
        raise PipelineError(
            f"{root} has no commit {name}; experiments start from a commit of a git repository"
        ) from None


def refuse_uncommitted(root: Path, *, except_for: Iterable[str] = ()) -> None:
    """Raise `PipelineError` if `root` is not the top of a git working tree, or a tracked file is not as committed."""
    top = Path(git(root, "rev-parse", "--show-toplevel"))
    if top.resolve() != root.resolve():
        raise PipelineError(f"{root} is not the top of its git repository ({top}); experiments need a whole one")
    changed = first_uncommitted(root, except_for=except_for)
    if changed:
        raise PipelineError(
            f"{changed} has uncommitted changes; experiments start from a commit: commit them, or put changed "
            "params into `base` of the experiment's file"
        )


def first_uncommitted(root: Path, *, except_for: Iterable[str] = ()) -> str | None:
    """A tracked file below `root` that differs from the last commit, or None; raises `PipelineError` without git."""
    spare = [f":(exclude,literal){path}" for path in except_for]
    changed = git(root, "status", "--porcelain", "--untracked-files=no", "-z", "--", ".", *spare).split("\0")
    return changed[0][3:] or None
