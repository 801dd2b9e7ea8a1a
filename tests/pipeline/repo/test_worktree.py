"""Worktrees that several threads make at once."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ruamel.yaml import YAML

from isogloss.pipeline.repo.worktree import CacheSettings, Worktree


def test_several_worktrees_forget_at_once(tmp_path):
    """Entries of dvc.lock are dropped by threads side by side; a parser that they share mixes their documents up."""
    stages = {f"stage{n}": {"cmd": "true", "outs": [{"path": f"out{n}", "md5": "0" * 32}]} for n in range(60)}
    trees = [Worktree(tmp_path, tmp_path / str(number)) for number in range(8)]
    for tree in trees:
        tree.path.mkdir()
        YAML().dump({"schema": "2.0", "stages": stages}, tree.path / "dvc.lock")
    with ThreadPoolExecutor(len(trees)) as pool:
        list(pool.map(lambda tree: tree.forget(["stage0", "stage7"], []), trees))
    for tree in trees:
        left = YAML(typ="safe").load(tree.path / "dvc.lock")["stages"]
        assert left == {name: stage for name, stage in stages.items() if name not in ("stage0", "stage7")}


def test_a_lock_that_a_dead_git_has_left_is_no_hindrance(diamond, tmp_path):
    revision = diamond.commit()
    tree = Worktree(diamond.root, tmp_path / "tree")
    tree.make(revision, CacheSettings.of(diamond.root))
    folder = subprocess.run(
        ["git", "rev-parse", "--absolute-git-dir"], cwd=tree.path, check=True, capture_output=True, text=True
    ).stdout.strip()
    (Path(folder) / "index.lock").touch()
    (tree.path / "words.txt").unlink()
    tree.make(revision, CacheSettings.of(diamond.root))
    assert (tree.path / "words.txt").read_text() == diamond.read("words.txt")
