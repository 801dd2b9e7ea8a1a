"""The core works where no extra is installed, and says which one is missing.

Child processes refuse to import what `pyproject.toml` gives to extras alone, and see the metadata that it would have
when installed; what they are told to do comes from there too, so that nothing here keeps a second list.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from isogloss.extras import extra_of

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CORE = (
    "errors",
    "entry",
    "extras",
    "config",
    "tables",
    "geography",
    "zips",
    "io",
    "judging",
    "cohorts",
    "report",
    "gate",
)

BLOCKED = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in refused:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

refused = set(sys.argv.pop(1).split(","))
sys.meta_path.insert(0, Refused())
"""


def names(requirements: list[str]) -> set[str]:
    """What distributions are imported as."""
    found = {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}
    return {name.replace("-", "_").lower() for name in found} - {"isogloss"}


REFUSED = names([one for extra in EXTRAS.values() for one in extra]) - names(PROJECT["dependencies"])


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that finds this source as the installed package, metadata and all."""
    folder = tmp_path_factory.mktemp("installed")
    information = folder / "isogloss-0.1.0.dist-info"
    information.mkdir()
    lines = [f"Requires-Dist: {one}" for one in PROJECT["dependencies"]]
    for extra, requirements in EXTRAS.items():
        lines += [f"Provides-Extra: {extra}", *(_required(one, extra) for one in requirements)]
    (information / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", "Name: isogloss", *lines]) + "\n")
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT / 'src'}"}


def _required(requirement: str, extra: str) -> str:
    """A requirement of an extra, as build tools write it."""
    name, _, marker = requirement.partition(";")
    condition = f"({marker.strip()}) and extra == '{extra}'" if marker else f"extra == '{extra}'"
    return f"Requires-Dist: {name.strip()}; {condition}"


def python(program: str, *arguments: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess:
    """Run a program in a process where extras cannot be imported."""
    command = [sys.executable, "-c", BLOCKED + program, ",".join(sorted(REFUSED)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=120)


def test_the_extras_hold_what_is_heavy():
    assert {"torch", "lightning", "lhotse", "dvc", "prefect", "great_expectations", "transformers"} <= REFUSED


def test_every_module_of_the_core_imports_without_any_extra(bare, tmp_path: Path):
    program = """
import importlib, pkgutil, isogloss
for name in sys.argv[1:]:
    module = importlib.import_module(f"isogloss.{name}")
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"isogloss.{name}."):
        importlib.import_module(found.name)
"""
    result = python(program, *CORE, environment=bare, folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_an_audit_needs_no_extra_even_where_speakers_are_in_several_cohorts(bare, tmp_path: Path):
    rows = [
        {"speaker_id": f"s{speaker}", "device": device, "ref": "one two three", "hyp": hyp}
        for speaker in range(24)
        for device, hyp in (("phone", "one two"), ("headset", "one two three" if speaker % 3 else "one two free"))
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    program = "from isogloss.cli import main\nmain(['audit', 't.jsonl', '--by', 'device', '--out', 'out'])"
    result = python(program, environment=bare, folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out" / "audit.html").exists()


def test_a_gate_needs_no_extra(bare, tmp_path: Path):
    for name, hyp in (("base", "one two"), ("new", "one three")):
        rows = [
            {"utterance_id": f"u{speaker}", "speaker_id": f"s{speaker}", "ref": "one two three", "hyp": hyp}
            for speaker in range(24)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    content = {"baseline": "base.jsonl", "candidate": "new.jsonl", "margin": {"relative": 0.1}}
    (tmp_path / "gate.yaml").write_text(json.dumps(content))
    program = (
        "from isogloss.cli import main\nmain(['gate', 'gate.yaml', '--junit', 'gate.xml', '--markdown', 'gate.md'])"
    )
    result = python(program, environment=bare, folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    assert (tmp_path / "gate.xml").exists() and (tmp_path / "gate.md").exists()


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (["status"], "dvc", "pipeline"),
        (["run"], "dvc", "pipeline"),
        (["ingest", "t.csv", "--name", "t"], None, "train"),
        (["transcribe", "--stream", "a.wav", "--model", "m"], "torch", "train"),
    ],
)
def test_a_missing_extra_is_one_sentence_that_names_it(bare, tmp_path: Path, arguments, package, extra):
    (tmp_path / "t.csv").write_text("audio,text,speaker_id\na.wav,one,s1\n")
    (tmp_path / "params.yaml").write_text("{}\n")
    program = f"from isogloss.cli import main\nmain({arguments!r})"
    result = python(program, environment=bare, folder=tmp_path)
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("\n") == 1 and f"pip install 'isogloss[{extra}]'" in result.stderr
    assert package is None or result.stderr.startswith(f"isogloss: {package} is not installed")


def test_an_extra_is_found_under_any_spelling_and_dev_comes_last():
    requirements = [
        "numpy>=2",
        "openpyxl; extra == 'dev'",
        'openpyxl>=3.1; extra == "excel"',
        "Great.Expectations; extra == 'pipeline'",
        "dvc>=3; extra == 'pipeline'",
        "triton>=3; (sys_platform == 'linux') and extra == 'gpu'",
    ]
    packages = ("openpyxl", "great_expectations", "dvc_data", "triton", "numpy", "networkx")
    found = [extra_of(package, requirements) for package in packages]
    assert found == ["excel", "pipeline", "pipeline", "gpu", None, None]
