"""A repository with the project's own pipeline and micro params, for a run of a minute and a half.

    python tests/micro/workspace.py FOLDER && cd FOLDER && isogloss run

The folder gets copies of everything that `dvc.yaml` names: DVC hashes the copies, while the stages import the package
that is installed, so coverage counts the lines of the checkout.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from isogloss.config import overridden_text, read_yaml

ROOT = Path(__file__).parents[2]
OVERRIDES = Path(__file__).with_name("overrides.yaml")
COPIED = ("dvc.yaml", "prefect.yaml", "stages", "flows", "corpora", "src", ".dvc/config", ".dvcignore", ".gitignore")


def make_workspace(folder: Path) -> None:
    """Make a git and DVC repository of the pipeline with micro params; `folder` must not exist."""
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copyfile(ROOT / name, folder / name)
    (folder / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n", encoding="utf-8")
    for name, overrides in read_yaml(OVERRIDES).items():
        text = (ROOT / name).read_text(encoding="utf-8")
        (folder / name).write_text(overridden_text(text, overrides, where=f"{OVERRIDES}, {name}"), encoding="utf-8")
    author = ["-c", "user.name=micro", "-c", "user.email=micro@example.org"]
    for arguments in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "The pipeline with micro params"]):
        subprocess.run(["git", *author, *arguments], cwd=folder, check=True)


if __name__ == "__main__":
    make_workspace(Path(sys.argv[1]))
