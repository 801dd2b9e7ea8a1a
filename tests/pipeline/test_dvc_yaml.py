"""dvc.yaml names what each stage runs: DVC does not follow imports, so a module left out is a stale result unseen."""

import ast
from pathlib import Path
from typing import get_args

import pytest
from ruamel.yaml import YAML

from isogloss.config import CohortRule, EncoderName, MitigationMethod, Params, SpeakerMethod

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
# What cannot change a result: params are dependencies themselves and every key of them is in params.yaml; entry points
# and errors only speak; a package's `__init__` is a table of contents.
HARMLESS = {SRC / "isogloss" / name for name in ("errors.py", "entry.py")} | set((SRC / "isogloss/config").glob("*.py"))


def pipeline():
    return YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]


def stages():
    """Each stage with its template expanded: (name, definition)."""
    lists = {
        "${cohorts.rules}": list(get_args(CohortRule)),
        "${mitigation.methods}": list(get_args(MitigationMethod)),
        "${verification.methods}": list(get_args(SpeakerMethod)),
    }
    for name, stage in pipeline().items():
        if "foreach" not in stage:
            yield name, "", stage
            continue
        for item in lists[stage["foreach"]]:
            yield f"{name}@{item}", item, stage["do"]


def module_file(dotted: str) -> Path | None:
    path = SRC.joinpath(*dotted.split("."))
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").is_file() else None


def imports_of(path: Path) -> list[tuple[str, str]]:
    """(module, name) of every import of isogloss in a file, those inside functions too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("isogloss"):
            found += [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names if alias.name.startswith("isogloss")]
    return found


def resolve(module: str, name: str) -> set[Path]:
    """The files that give `name` of `module`: through a package's table of contents to where it is defined."""
    if (submodule := module_file(f"{module}.{name}")) and submodule.name != "__init__.py":
        return {submodule}
    path = module_file(module)
    if path is None or path.name != "__init__.py":
        return {path} - {None}
    found = [m for m, n in imports_of(path) if n == name]
    return {path} if not found else resolve(found[0], name)


def closure(start: Path) -> set[Path]:
    reached, waiting = set(), [start]
    while waiting:
        for module, name in imports_of(waiting.pop()):
            for path in resolve(module, name) - reached - HARMLESS:
                reached.add(path)
                waiting.append(path)
    return reached


@pytest.mark.parametrize(("name", "item", "stage"), [pytest.param(*each, id=each[0]) for each in stages()])
def test_a_stage_depends_on_all_the_code_it_imports(name, item, stage):
    named = [ROOT / dep.replace("${item}", item) for dep in stage["deps"] if "${" not in dep.replace("${item}", item)]
    script = ROOT / stage["cmd"].split()[1]
    assert script in named
    strategies = {ROOT / "src/isogloss/mitigation" / f"{method}.py" for method in get_args(MitigationMethod)}
    own = (
        strategies & closure(ROOT / "src/isogloss/mitigation" / f"{item}.py") if name.startswith("mitigate@") else set()
    )
    missing = {
        path.relative_to(ROOT).as_posix()
        for path in closure(script)
        if path.name != "__init__.py"
        and path not in strategies - own  # the registry knows all mitigations, a stage runs one
        and not any(path == dep or dep in path.parents for dep in named)
    }
    assert not missing


@pytest.mark.parametrize(("name", "item", "stage"), [pytest.param(*each, id=each[0]) for each in stages()])
def test_every_code_dependency_exists(name, item, stage):
    for dep in stage["deps"]:
        if dep.startswith(("src/", "stages/")):
            assert (ROOT / dep.replace("${item}", item)).exists(), dep


@pytest.mark.parametrize(("name", "item", "stage"), [pytest.param(*each, id=each[0]) for each in stages()])
def test_every_param_exists(name, item, stage):
    for param in stage.get("params", []):
        for encoder in get_args(EncoderName):
            section, _, key = param.replace("${item}", item).replace("${asr.encoder}", encoder).partition(".")
            assert section in Params.model_fields
            assert not key or key in getattr(Params(), section).model_dump()
