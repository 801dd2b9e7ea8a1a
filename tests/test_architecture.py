"""Imports point one way, heavy libraries stay where they belong, and the planted truth stays hidden.

Read from the source by AST, so that a wrong arrow fails without being run; a few child processes check what really
gets loaded.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "isogloss"

GROUND = {"errors", "checks", "config", "tables", "geography", "zips"}
SPEECH = GROUND | {"io", "corpus", "weights", "determinism"}
JUDGING = GROUND | {"io", "judging"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "checks": {"errors"},
    "extras": set(),
    "closed_pipe": set(),
    "consoles": set(),
    "garbage": set(),
    "entry": {"errors", "extras", "closed_pipe", "garbage"},
    "config": {"errors"},
    "geography": {"errors"},
    "tables": {"errors", "checks", "config"},
    "weights": {"errors"},
    "determinism": set(),
    "zips": {"errors", "tables"},
    "io": GROUND,
    "corpus": GROUND | {"io", "consoles"},
    "recognizers": SPEECH,
    "speakers": SPEECH,
    "mitigation": SPEECH | {"recognizers", "speakers"},
    "training": SPEECH | {"recognizers", "speakers", "mitigation"},
    "inference": SPEECH | {"recognizers", "speakers", "mitigation", "training", "judging"},
    "judging": GROUND | {"io"},
    "cohorts": JUDGING,
    "report": JUDGING | {"consoles"},
    "gate": JUDGING | {"report"},
    "testing": {"errors", "config", "gate"},
    "pipeline": GROUND | {"consoles", "garbage"},
    "studies": JUDGING | {"report"},
    "cli": SPEECH
    | JUDGING
    | {
        "entry",
        "closed_pipe",
        "consoles",
        "garbage",
        "recognizers",
        "inference",
        "cohorts",
        "report",
        "gate",
        "pipeline",
        "studies",
    },
}
PIPELINE: dict[str, set[str]] = {
    "repo": set(),
    "host": {"repo"},
    "prefect_api": {"repo", "host"},
    "workers": {"repo", "host", "prefect_api"},
    "sweeps": {"repo", "host"},
}
"""The packages of the pipeline, and which others each may import; the modules beside them may import all."""
LIGHT = GROUND | {
    "closed_pipe",
    "consoles",
    "entry",
    "extras",
    "garbage",
    "io",
    "judging",
    "cohorts",
    "report",
    "gate",
    "testing",
    "pipeline",
    "studies",
    "cli",
}
HEAVY = {"torch", "torchaudio", "lhotse", "lightning", "triton", "great_expectations", "statsmodels", "prefect", "dvc"}
ORCHESTRATION = {"dvc", "prefect"}
TRUTH_READERS = {"corpus", "judging/recovery.py", "cli/score.py"}
"""Who may name the planted truth: the corpus stage's package, which writes it, and the scoring."""


def modules(package: str) -> list[Path]:
    """The files of a package, or the one of a module."""
    single = SOURCE / f"{package}.py"
    return [single] if single.exists() else sorted((SOURCE / package).rglob("*.py"))


@cache
def imports(path: Path, *, everywhere: bool) -> tuple[str, ...]:
    """Dotted names that a file imports; at module level only, or everywhere. Blocks for type checkers do not run."""
    return tuple(_imports(ast.parse(path.read_text(encoding="utf-8")), path, everywhere=everywhere))


def _imports(tree: ast.Module, path: Path, *, everywhere: bool) -> Iterator[str]:
    """The same, one by one."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _names_from(node, path)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending += node.orelse
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)


def _names_from(node: ast.ImportFrom, path: Path) -> Iterator[str]:
    """`from a import b` as a.b, relative ones made absolute."""
    parts: list[str] = []
    if node.level:
        here = ["isogloss", *path.relative_to(SOURCE).parts[:-1]] if path.is_relative_to(SOURCE) else []
        parts = here[: len(here) - node.level + 1]
    base = ".".join([*parts, *([node.module] if node.module else [])])
    yield from (f"{base}.{alias.name}" for alias in node.names)


def test_every_package_has_its_place_in_the_order():
    found = {p.stem if p.suffix == ".py" else p.name for p in SOURCE.iterdir() if p.suffix == ".py" or p.is_dir()}
    assert found - {"__init__", "__pycache__", "data"} <= set(MAY_IMPORT)


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_imports_point_one_way(package: str):
    allowed = MAY_IMPORT[package] | {package}
    wrong = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in modules(package)
        for name in imports(path, everywhere=True)
        if name.startswith("isogloss.") and name.split(".")[1] not in allowed | {"__version__"}
    ]
    assert not wrong


def test_nothing_but_the_transducer_knows_a_transducer():
    """Every other part works on the port, `isogloss.recognizers.base`; the multi-talker systems are made of one."""
    homes = [SOURCE / "recognizers" / name for name in ("transducer", "multitalker")]
    sources = [*SOURCE.rglob("*.py"), *(ROOT / "stages").rglob("*.py"), *(ROOT / "flows").rglob("*.py")]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted(sources)
        if not any(path.is_relative_to(home) for home in homes)
        for name in imports(path, everywhere=True)
        if f"{name}.".startswith("isogloss.recognizers.transducer.")
    ]
    assert not wrong


def test_the_allowed_arrows_have_no_circle():
    remaining = dict(MAY_IMPORT)
    while remaining:
        free = [name for name, needs in remaining.items() if not needs & set(remaining)]
        assert free, f"a circle among {sorted(remaining)}"
        for name in free:
            del remaining[name]


@pytest.mark.parametrize("package", sorted(LIGHT))
def test_light_packages_import_nothing_heavy_at_module_level(package: str):
    wrong = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in modules(package)
        for name in imports(path, everywhere=False)
        if name.split(".")[0] in HEAVY
    ]
    assert not wrong


def test_dvc_and_prefect_are_known_where_they_belong_alone():
    places = {"dvc": ("pipeline/repo",), "prefect": ("pipeline/prefect_api", "pipeline/workers")}
    wrong = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        for name in imports(path, everywhere=True)
        for library, homes in places.items()
        if name.split(".")[0] == library and not any(path.is_relative_to(SOURCE / home) for home in homes)
    ]
    assert not wrong


def test_commands_print_on_the_consoles_that_keep_figures_whole():
    wrong = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        for name in imports(path, everywhere=True)
        if name.startswith(("rich.console", "rich.table", "rich.print")) and path != SOURCE / "consoles.py"
    ]
    assert not wrong


@pytest.mark.parametrize("package", sorted(PIPELINE))
def test_imports_within_the_pipeline_point_one_way(package: str):
    wrong = [
        f"{path.relative_to(SOURCE)} imports {name}"
        for path in (SOURCE / "pipeline" / package).rglob("*.py")
        for name in imports(path, everywhere=True)
        if name.startswith("isogloss.pipeline.")
        and (part := name.split(".")[2]) in PIPELINE
        and part not in PIPELINE[package] | {package}
    ]
    assert not wrong


def test_nothing_imports_the_entry_points():
    sources = [*SOURCE.rglob("*.py"), *(ROOT / "stages").rglob("*.py"), *(ROOT / "flows").rglob("*.py")]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted(sources)
        for name in imports(path, everywhere=True)
        if name.split(".")[0] in {"stages", "flows"}
        or (name.startswith("isogloss.cli") and not path.is_relative_to(SOURCE / "cli"))
    ]
    assert not wrong


def test_importing_the_light_packages_loads_no_torch():
    """One after the other in one process; the first line that names a heavy module names its package."""
    packages, heavy = ["io", "judging", "cohorts", "report", "gate", "pipeline", "cli"], sorted(HEAVY - ORCHESTRATION)
    program = "import importlib, sys\n"
    program += f"for package in {packages!r}:\n    importlib.import_module(f'isogloss.{{package}}')\n"
    program += f"    print(package, [m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert result.stdout.splitlines() == [f"{package} []" for package in packages]


def test_the_planted_truth_is_named_by_its_writer_and_by_the_scoring_alone():
    sources = [*SOURCE.rglob("*.py"), *(p for p in (ROOT / "stages").rglob("*.py") if p.stem != "corpus")]
    allowed = [SOURCE / name for name in TRUTH_READERS]
    wrong = [
        str(path.relative_to(ROOT))
        for path in sorted(sources)
        if not any(path == place or path.is_relative_to(place) for place in allowed)
        and any(word in path.read_text(encoding="utf-8") for word in ("data/truth", "planted.parquet", '"truth"'))
    ]
    assert not wrong


def test_no_stage_but_the_scoring_depends_on_the_planted_truth():
    from ruamel.yaml import YAML

    stages = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    readers = {name for name, stage in stages.items() if "data/truth" in str((stage.get("do") or stage).get("deps"))}
    assert readers <= {"score"}
