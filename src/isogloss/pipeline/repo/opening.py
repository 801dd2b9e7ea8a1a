"""Opening the DVC repository: the place of its databases, and its errors as `PipelineError`."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from isogloss.errors import PipelineError
from isogloss.pipeline.repo.durable import write_whole
from isogloss.pipeline.repo.mending import mend_locks

if TYPE_CHECKING:
    from dvc.repo import Repo


@contextmanager
def open_repo(root: Path | str, *, wait_for_lock: bool = False) -> Iterator["Repo"]:
    """The DVC repository whose root is `root`; waits for its lock up to 3 s, or without limit.

    Raises `PipelineError`: `root` is no DVC repository, or the block raised an error of DVC's own.
    """
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    root = Path(root).resolve()
    write_whole()
    if (root / ".dvc").is_dir():
        mend_locks(root)
        _close(site_cache(root))
    try:
        with Repo(
            str(root), config={"core": {"site_cache_dir": str(site_cache(root))}}, _wait_for_lock=wait_for_lock
        ) as repo:
            yield repo
    except NotDvcRepoError:
        raise PipelineError(f"{root} is not a DVC repository; run from the repository's root") from None
    except DvcException as error:
        raise PipelineError(f"the DVC graph cannot be read: {one_line(error)}") from error


def site_cache(root: Path) -> Path:
    """Where DVC keeps its databases of file hashes: in the clone, not in /var/tmp as by default.

    For the plan and for `DVC_SITE_CACHE_DIR` of the stages alike, so that nothing is hashed twice.
    """
    return root / ".dvc" / "tmp" / "isogloss" / "site"


def _close(folder: Path) -> None:
    """Restrict the folder of DVC's databases to the user.

    DVC lets anybody write there, and unpickles what is in the databases.
    """
    with suppress(OSError):  # Nobody can have written to a folder that cannot be written.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)


def one_line(error: BaseException) -> str:
    """The message of an error on one line, with that of the exception that caused it."""
    messages = [str(error) or type(error).__name__]
    if error.__cause__ is not None and str(error.__cause__) not in messages[0]:
        messages.append(str(error.__cause__))
    return " ".join(": ".join(messages).split())
