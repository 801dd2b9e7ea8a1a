"""Size and time of an install of the core: `pip install .` into an empty virtual environment, then an audit and
a gate.

    python benchmarks/install.py [--warm]

Installs three times, each time into a new virtual environment: the first fills pip's cache, the second and the third
are measured (wall clock and CPU time); the third with `--no-compile`, without which pip writes Python's bytecode too.
Sizes are those of the disk blocks that came with the install, without pip and setuptools, which the environment had
before. Then the command audits a small table there and gates a second one, and the heavy packages of the extras are
looked for, which must not exist.
"""

import argparse
import json
import os
import platform
import resource
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
    started, used = time.perf_counter(), _cpu_seconds()
    subprocess.run([python, "-m", "pip", "install", "--quiet", *options, str(ROOT)], check=True, env=_environment())
    seconds, cpu_seconds = time.perf_counter() - started, _cpu_seconds() - used
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "mib": round((_size(folder) - before) / MIB),
    }


def _cpu_seconds() -> float:
    """Of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment() -> dict[str, str]:
    """This process' one, without what would show this checkout to Python."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _size(folder: Path) -> int:
    """Bytes of the disk blocks below a folder."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--warm", action="store_true", help="pip's cache is filled: leave the first install out.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if not options.warm:
            install(Path(name) / "first")
        content: dict[str, Any] = {"compiled": install(Path(name) / "second")}
        content["no_compile"] = install(Path(name) / "third", ["--no-compile"])
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
    rows = "\n".join(
        f"| {name} | {content[key]['seconds']} | {content[key]['cpu_seconds']} | {content[key]['mib']} |"
        for name, key in (("as pip does it, bytecode written", "compiled"), ("`--no-compile`", "no_compile"))
    )
    return f"""# An install of the core

`python benchmarks/install.py`, {content["machine"]}, load {content["load"]} (5 minutes, ours included).
`pip install .` into an empty virtual environment, packages in pip's cache; sizes without pip and setuptools.

| | wall s | CPU s | MiB on disk |
|---|---:|---:|---:|
{rows}

Absent: {", ".join(ABSENT)}. Installed: {packages}.
"""


if __name__ == "__main__":
    sys.exit(main())
