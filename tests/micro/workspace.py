"""A repository with the project's own pipeline and micro params, for a run of a minute or two.

    python tests/micro/workspace.py FOLDER && cd FOLDER && isogloss run

The folder gets copies of everything that `dvc.yaml` names: DVC hashes the copies, while the stages import the package
that is installed, so coverage counts the lines of the checkout. Its params.yaml starts from the defaults of the code,
not from the repository's file, which belongs to whoever works in the checkout.
"""

import io
import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from isogloss.config import Params, overridden_text, read_yaml

ROOT = Path(__file__).parents[2]
OVERRIDES = Path(__file__).with_name("overrides.yaml")
COPIED = (
    "dvc.yaml",
    "prefect.yaml",
    "stages",
    "flows",
    "corpora",
    "src",
    "cohorts/.gitkeep",
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
)


def default_params() -> str:
    """A complete params.yaml with the defaults of the code."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = yaml.sort_base_mapping_type_on_output = False
    yaml.width = 4096
    written = io.StringIO()
    yaml.dump(Params().model_dump(mode="json"), written)
    return written.getvalue()


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
        text = default_params() if name == "params.yaml" else (ROOT / name).read_text(encoding="utf-8")
        (folder / name).write_text(overridden_text(text, overrides, where=f"{OVERRIDES}, {name}"), encoding="utf-8")
    author = ["-c", "user.name=micro", "-c", "user.email=micro@example.org"]
    for arguments in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "The pipeline with micro params"]):
        subprocess.run(["git", *author, *arguments], cwd=folder, check=True)


if __name__ == "__main__":
    make_workspace(Path(sys.argv[1]))
