"""Worktrees that several threads make at once."""

from concurrent.futures import ThreadPoolExecutor

from ruamel.yaml import YAML

from isogloss.pipeline.repo.worktree import Worktree


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
