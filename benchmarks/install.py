"""Size and time of an install of the core: `pip install .` into an empty virtual environment, then an audit and
a gate.

    python benchmarks/install.py

Installs three times, each time into a new virtual environment: the first time fills pip's cache, the second one is
measured (wall clock), and so is the third, with `--no-compile`: without it pip writes Python's bytecode too. Sizes are
those of the disk blocks that came with the install, without pip and setuptools, which the environment had before.
Then the command audits a small table there and gates a second one, and the heavy packages of the extras are looked for,
which must not exist.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isogloss.tables import atomic_path, write_json

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
MIB = 1 << 20
ABSENT = ("torch", "lightning", "lhotse", "dvc", "prefect", "great_expectations", "transformers", "statsmodels")
LISTED = """
import importlib.metadata, importlib.util, json, sys
found = {d.name: str(d.version) for d in importlib.metadata.distributions()}
present = [name for name in sys.argv[1:] if importlib.util.find_spec(name)]
print(json.dumps({"distributions": found, "present": present}))
"""


def install(folder: Path, options: Sequence[str] = ()) -> dict[str, Any]:
    """Seconds of the install into a new environment, and what it took on the disk in MiB."""
    venv.create(folder, with_pip=True)
    before = _size(folder)
    python = str(folder / "bin" / "python")
    started = time.perf_counter()
    subprocess.run([python, "-m", "pip", "install", "--quiet", *options, str(ROOT)], check=True, env=_environment())
    seconds = time.perf_counter() - started
    after = _size(folder)
    bytecode = (after["bytecode"] - before["bytecode"]) / MIB
    return {
        "seconds": round(seconds, 1),
        "mib": round((after["all"] - before["all"]) / MIB),
        "mib_of_bytecode": round(bytecode),
    }


def _environment() -> dict[str, str]:
    """This process' one, without what would show this checkout to Python."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _size(folder: Path) -> dict[str, int]:
    """Bytes of disk blocks below a folder: all, and of bytecode."""
    files = [(path.suffix, path.lstat().st_blocks * 512) for path in folder.rglob("*")]
    return {"all": sum(size for _, size in files), "bytecode": sum(size for suffix, size in files if suffix == ".pyc")}


def use(folder: Path) -> dict[str, Any]:
    """What is installed there, after an audit and a gate of small tables by the installed command."""
    words = "one two three four"
    for name, cut in (("base", 3), ("new", 4)):
        rows = [
            {
                "utterance_id": f"{s}-{u}",
                "speaker_id": f"s{s}",
                "part": "ab"[s % 2],
                "ref": words,
                "hyp": words[s % cut :],
            }
            for s in range(60)
            for u in range(4)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    gate = {"baseline": "base.jsonl", "candidate": "new.jsonl", "margin": {"relative": 0.1}, "cohorts": ["part"]}
    (folder / "gate.yaml").write_text(json.dumps(gate), encoding="utf-8")  # JSON is YAML
    command = str(folder / "bin" / "isogloss")
    for arguments, codes in (
        (("audit", "base.jsonl", "--by", "part", "--out", "audit"), {0}),
        (("gate", "gate.yaml", "--junit", "gate.xml"), {0, 1, 3}),
    ):
        ended = subprocess.run([command, *arguments], env=_environment(), cwd=folder, stdout=subprocess.DEVNULL)
        if ended.returncode not in codes:
            raise SystemExit(f"isogloss {' '.join(arguments)} ended with {ended.returncode}")
    program = [str(folder / "bin" / "python"), "-c", LISTED, *ABSENT]
    listed = subprocess.run(program, check=True, env=_environment(), capture_output=True, text=True, cwd=folder)
    found = json.loads(listed.stdout)
    if found["present"]:
        raise SystemExit(f"the core brings {', '.join(found['present'])}")
    return {"distributions": dict(sorted(found["distributions"].items()))}


def main() -> None:
    """Measure, and write results/install.{json,md}."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "").parse_args()
    with tempfile.TemporaryDirectory() as name:
        install(Path(name) / "first")
        content = install(Path(name) / "second")
        content["seconds_without_bytecode"] = install(Path(name) / "third", ["--no-compile"])["seconds"]
        content |= use(Path(name) / "second")
    content["load"] = round(os.getloadavg()[1], 1)
    content["machine"] = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    content["requirements"] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    write_json(content, RESULTS / "install.json")
    with atomic_path(RESULTS / "install.md") as path:
        path.write_text(_page(content), encoding="utf-8")


def _page(content: dict[str, Any]) -> str:
    """The results for readers."""
    packages = ", ".join(f"{name} {version}" for name, version in content["distributions"].items())
    return f"""# An install of the core

`python benchmarks/install.py`, {content["machine"]}, load {content["load"]} (5 minutes, ours included).
`pip install .` into an empty virtual environment, packages in pip's cache; sizes without pip and setuptools.

| | seconds | MiB on disk |
|---|---:|---:|
| as pip does it, bytecode written | {content["seconds"]} | {content["mib"]} |
| `--no-compile` | {content["seconds_without_bytecode"]} | {content["mib"] - content["mib_of_bytecode"]} |

Absent: {", ".join(ABSENT)}. Installed: {packages}.
"""


if __name__ == "__main__":
    sys.exit(main())
