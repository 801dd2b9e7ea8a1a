"""The SHA-256 of every output of a workspace, to show that a change of the code changes no result.

    python benchmarks/output_hashes.py WORKSPACE --record before.txt    # then change the code and run the pipeline anew
    python benchmarks/output_hashes.py WORKSPACE --compare before.txt   # names each difference; exit code 1 for any

A workspace is a clone in which the pipeline has run, or the small one of `tests/micro/workspace.py`. The outputs are
those that its dvc.lock names, folders file by file, metrics.json among them. The file has sorted lines `hash  path`,
which `sha256sum -c` reads too. Models depend on the kind of processor, so compare on one machine.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from isogloss.config import read_yaml
from isogloss.errors import IsoglossError, TableError
from isogloss.tables import atomic_path


def outputs(workspace: Path) -> Iterator[Path]:
    """Every file of every output that dvc.lock names, relative to the workspace.

    Raises
    ------
    TableError
        An output is missing.
    """
    for name, stage in read_yaml(workspace / "dvc.lock")["stages"].items():
        for output in stage.get("outs", ()):
            path = workspace / output["path"]
            if not path.exists():
                raise TableError(f"{path}, an output of {name}, does not exist; run the pipeline in {workspace}")
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    yield file.relative_to(workspace)


def hashes(workspace: Path) -> dict[str, str]:
    """Path -> SHA-256 of its bytes, sorted by path."""
    found = {}
    for path in outputs(workspace):
        with (workspace / path).open("rb") as file:
            found[path.as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return dict(sorted(found.items()))


def read_hashes(file: Path) -> dict[str, str]:
    """What an earlier call recorded.

    Raises
    ------
    TableError
        The file does not exist.
    """
    if not file.is_file():
        raise TableError(f"{file} does not exist; --record writes it")
    lines = file.read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """One line a file that changed, went or came."""
    lines = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            lines.append(f"gone     {path}")
        elif path not in before:
            lines.append(f"new      {path}")
        elif before[path] != after[path]:
            lines.append(f"changed  {path}")
    return lines


def main() -> int:
    """Record or compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--record", type=Path, metavar="FILE", help="write the hashes to FILE")
    action.add_argument("--compare", type=Path, metavar="FILE", help="compare with the hashes in FILE")
    arguments = parser.parse_args()
    try:
        found = hashes(arguments.workspace)
        if arguments.record is not None:
            with atomic_path(arguments.record) as path:
                path.write_text("".join(f"{digest}  {name}\n" for name, digest in found.items()), encoding="utf-8")
            print(f"{len(found)} files")
            return 0
        found_differences = differences(read_hashes(arguments.compare), found)
    except IsoglossError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(found_differences) or f"all {len(found)} files are the same")
    return int(bool(found_differences))


if __name__ == "__main__":
    sys.exit(main())
