"""What Isogloss uses of DVC and Prefect beyond their documented interfaces, and the versions it was read from.

After an upgrade this test fails first: go through `USED` with the new sources, then name the new versions.
"""

import ast
import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

VERSIONS = {"dvc": "3.67.1", "prefect": "3.8.8"}
USED = {
    "dvc.stage.run.cmd_run": "stage, dry=False, run_env=None",
    "dvc.stage.Stage.save_deps": "self, allow_missing=False",
    "dvc.stage.Stage.commit": "self, allow_missing=False, filter_info=None, **kwargs",
    "dvc.stage.cache._get_stage_hash": "stage",
    "dvc.stage.cache.StageCache._create_stage": "self, cache, wdir=None",
    "dvc.stage.cache.StageCache.restore": "self, stage, run_cache=True, pull=False, dry=False",
    "dvc.stage.serialize.to_single_stage_lockfile": "stage: 'Stage', **kwargs",
    "dvc.rwlock._edit_rwlock": "lock_dir, fs, hardlink",
    "dvc.utils.serialize._common._dump_data": (
        "path, data: Any, dumper: DumpersFn, fs: Optional['FileSystem']=None, **dumper_args"
    ),
    "dvc.data_cloud.DataCloud.get_remote_odb": (
        "self, name: Optional[str]=None, command: str='<command>', hash_name: str='md5'"
    ),
    "dvc.data_cloud.DataCloud.push": None,
    "dvc.data_cloud.DataCloud.pull": None,
}
"""Function -> its parameters, as the source has them; None where only the first ones are used."""
SOURCE = Path(__file__).parents[3] / "src" / "isogloss"
FLOWS = Path(__file__).parents[3] / "flows"


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", VERSIONS)
def test_the_version_is_the_one_whose_internals_are_known(package):
    assert importlib.metadata.version(package) == VERSIONS[package]


@pytest.mark.parametrize("name", USED)
def test_the_internals_are_as_they_are_used(name):
    """Read from the source: other tests may have replaced the functions in this process."""
    module = name
    while (spec := _spec(module)) is None:
        module = module.rpartition(".")[0]
    body = ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
    for part in name.removeprefix(f"{module}.").split("."):
        (found,) = [node for node in body if getattr(node, "name", "") == part]
        body = found.body
    if USED[name] is not None:
        assert ast.unparse(found.args) == USED[name]


def _spec(name):
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None


def test_only_the_package_of_the_repository_imports_dvc():
    homes = {path for path in SOURCE.rglob("*.py") if any(f"{n}.".startswith("dvc") for n in imported(path))}
    assert homes <= set((SOURCE / "pipeline" / "repo").glob("*.py"))


def test_private_names_of_dvc_are_imported_only_where_they_are_listed():
    listed = {*USED, *(name.rpartition(".")[0] for name in USED)}
    private = {
        name
        for path in (SOURCE / "pipeline" / "repo").glob("*.py")
        for name in imported(path)
        if name.startswith("dvc") and any(part.startswith("_") for part in name.split("."))
    }
    # `write_whole` replaces the same function in the modules that have imported it.
    assert private <= listed | {f"dvc.utils.serialize.{part}" for part in ("_json", "_py", "_toml", "_yaml")}


def test_nothing_private_of_prefect_is_imported():
    paths = [*SOURCE.rglob("*.py"), *FLOWS.glob("*.py")]
    names = {name for path in paths for name in imported(path) if name.startswith("prefect")}
    assert names and not [name for name in names if any(part.startswith("_") for part in name.split("."))]
