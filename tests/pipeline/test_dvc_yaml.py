"""dvc.yaml names what each stage runs: DVC does not follow imports, so a module left out is a stale result unseen."""

import ast
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from ruamel.yaml import YAML

from isogloss.config import Params, registry
from isogloss.config.components import (
    EMBEDDINGS,
    EncoderComponent,
    MitigationComponent,
    RecognizerComponent,
    RuleComponent,
    SourceComponent,
)
from isogloss.config.multitalker import ConversationSet, Talkers

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
# What cannot change a result: params are dependencies themselves and every key of them is in params.yaml; entry points,
# consoles and errors only speak; a package's `__init__` is a table of contents; the pipeline decides where shards of
# `prepare` are computed, not what they hold; the page of `validate` is no output.
HARMLESS = (
    {SRC / "isogloss" / name for name in ("errors.py", "entry.py", "consoles.py", "report/validation.py")}
    | set((SRC / "isogloss/config").glob("*.py"))
    | set((SRC / "isogloss/pipeline").rglob("*.py"))
)
KINDS = {
    kind.__name__: kind
    for kind in (EncoderComponent, MitigationComponent, RecognizerComponent, RuleComponent, SourceComponent)
}
ASK_THE_REGISTRY = {"components", "declaration", "implementation"}
"""Functions whose result depends on the modules of all components of the kind that is their first argument."""
ADAPTS = {"mitigate": "recognizer", "mitigate_speaker": "speaker"}
"""What the mitigations of a stage adapt."""


def pipeline():
    return YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]


def stages():
    """Each stage with its template expanded: (name, definition)."""
    lists = {
        "${cohorts.rules}": registry.names(RuleComponent),
        "${mitigation.methods}": registry.names(MitigationComponent, adapts="recognizer"),
        "${verification.methods}": registry.names(MitigationComponent, adapts="speaker"),
        "${speaker.encoders}": ("base",),
        "${multitalker.systems}": get_args(Talkers),
        "${multitalker.sets}": get_args(ConversationSet),
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


@cache
def calls_and_imports(path: Path) -> list[ast.Call | ast.Import | ast.ImportFrom]:
    """The nodes of a file that may name other modules; read once, since most stages reach the same files."""
    return [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call | ast.Import | ast.ImportFrom)]


@cache
def asked_kind(node: ast.Call) -> str | None:
    """The kind of components that a call asks the registry for."""
    asks = ast.unparse(node.func).removeprefix("registry.") in ASK_THE_REGISTRY
    return node.args[0].id if asks else None


def imports_of(path: Path, item: str = "", adapts: str | None = None) -> list[tuple[str, str]]:
    """(module, name) of every import of isogloss in a file, those inside functions and through the registry too.

    A stage made for one component runs that one; where its item is none of the kind, it may run any. Of mitigations, a
    stage runs none but those that can adapt its model.
    """
    found = []
    for node in calls_and_imports(path):
        if isinstance(node, ast.Call):
            if (asked := asked_kind(node)) is None:
                continue
            kind = KINDS[asked]
            components = registry.components(kind)
            model = adapts if kind is MitigationComponent else None
            chosen = [item] if item in components else registry.names(kind, adapts=model)
            found += [(components[name].module, "") for name in chosen]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("isogloss"):
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


def closure(start: Path, item: str, adapts: str | None = None) -> set[Path]:
    reached, waiting = set(), [start]
    while waiting:
        for module, name in imports_of(waiting.pop(), item, adapts):
            for path in resolve(module, name) - reached - HARMLESS:
                reached.add(path)
                waiting.append(path)
    return reached


@pytest.mark.parametrize(("name", "item", "stage"), [pytest.param(*each, id=each[0]) for each in stages()])
def test_a_stage_depends_on_all_the_code_it_imports(name, item, stage):
    named = [ROOT / dep.replace("${item}", item) for dep in stage["deps"] if "${" not in dep.replace("${item}", item)]
    script = ROOT / stage["cmd"].split()[1]
    assert script in named
    missing = {
        path.relative_to(ROOT).as_posix()
        for path in closure(script, item, ADAPTS.get(name.partition("@")[0]))
        if path.name != "__init__.py" and not any(path == dep or dep in path.parents for dep in named)
    }
    assert not missing


@pytest.mark.parametrize(("name", "item", "stage"), [pytest.param(*each, id=each[0]) for each in stages()])
def test_every_code_dependency_exists(name, item, stage):
    for dep in stage["deps"]:
        if dep.startswith(("src/", "stages/")):
            assert (ROOT / dep.replace("${item}", item)).exists(), dep


@pytest.mark.parametrize(("name", "item", "stage"), [pytest.param(*each, id=each[0]) for each in stages()])
def test_every_param_exists(name, item, stage):
    known = Params().model_dump()
    for param in stage.get("params", []):
        if param == {"params.yaml": None}:  # all of the file
            continue
        for encoder in registry.names(EncoderComponent):
            section, _, key = param.replace("${item}", item).replace("${asr.encoder}", encoder).partition(".")
            assert section in known
            assert not key or key in known[section]


@pytest.mark.parametrize(("stage", "voices"), [("cohort_inputs", False), ("voice_inputs", True)])
def test_the_inputs_of_every_rule_are_the_output_of_a_stage(stage, voices):
    rules = [n for n, f in registry.components(RuleComponent).items() if (EMBEDDINGS in f.declaration.inputs) == voices]
    assert sorted(pipeline()[stage]["outs"]) == sorted(f"data/cohort_inputs/{rule}.parquet" for rule in rules)


def test_a_stage_asks_for_as_many_cores_as_it_takes_threads():
    """Two stages of two threads each would halve each other's speed on two cores."""
    sections = {name for name, field in Params.model_fields.items() if "threads" in field.annotation.model_fields}
    asking = {}
    for name, stage in pipeline().items():
        stage = stage.get("do", stage)
        named = {key for key in stage.get("params", []) if isinstance(key, str)}
        own = {section for section in sections if f"{section}.threads" in named} or sections & named
        for section in own:
            assert stage["meta"]["cores"] == "${" + section + ".threads}", name
        asking[name] = own
    assert {name for name, own in asking.items() if own} >= {
        *("train_asr", "transcribe", "mitigate", "evaluate", "train_speaker", "mitigate_speaker", "evaluate_speaker"),
        *("train_multitalker", "evaluate_multitalker"),
    }
