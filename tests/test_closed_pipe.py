"""Commands whose output nobody reads to its end, as in `isogloss ... | head`: real processes on a real pipe."""

import os
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest

from isogloss.cli import main
from isogloss.closed_pipe import EXIT_CODE
from isogloss.entry import entry

ISOGLOSS = "from isogloss.cli import main; main()"
GATE = "{baseline: a.csv, candidate: b.csv, margin: {relative: 0.5}, statistics: {resamples: 200, permutations: 200}}"


def unread(*arguments: str, folder: Path, code: str = ISOGLOSS, stderr_too: bool = False) -> tuple[int, str]:
    """Exit code and stderr of a process into whose output pipe nobody looks."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            stdout=writing,
            stderr=writing if stderr_too else subprocess.PIPE,
            text=True,
            timeout=120,
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr or ""


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    """A gate.yaml for each verdict in a folder of its name: a candidate like the baseline, a bad one, one of few."""
    folder = tmp_path_factory.mktemp("tables")
    for verdict, speakers, rate in (("passed", 60, 0.19), ("harmed", 60, 0.5), ("undecided", 12, 0.3)):
        (folder / verdict).mkdir()
        (folder / verdict / "gate.yaml").write_text(GATE)
        for name, wrong in (("a", 0.2), ("b", rate)):
            rng = np.random.default_rng(len(name + verdict))
            lines = ["utterance_id,speaker_id,ref,hyp"]
            for number in range(speakers * 4):
                words = ["x" if bad else "w" for bad in rng.random(20) < wrong]
                lines.append(f"u{number},s{number // 4},{' '.join('w' * 20)},{' '.join(words)}")
            (folder / verdict / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize(
    ("verdict", "code", "stderr_too"),
    [("passed", 0, False), ("harmed", 1, True), ("undecided", 3, False), ("missing", 2, True)],
)
def test_the_exit_code_of_a_gate_is_its_verdict_whoever_reads_it(tables, verdict, code, stderr_too):
    arguments = ("gate", f"{verdict}/gate.yaml")
    assert unread(*arguments, folder=tables, stderr_too=stderr_too) == (code, "")


@pytest.mark.parametrize(
    "arguments", [("audit", "passed/a.csv"), ("gate", "plan", "passed/gate.yaml"), ("--help",), ("gate", "--help")]
)
def test_other_commands_end_in_silence_with_a_code_that_is_no_verdict(tables, arguments):
    assert unread(*arguments, folder=tables) == (EXIT_CODE, "")


def leaves(command: click.Command):
    if isinstance(command, click.Group):
        for one in command.commands.values():
            yield from leaves(one)
    else:
        yield command


def test_every_command_passes_through_the_entry_that_does_so():
    assert [one.name for one in leaves(main) if not one.callback.__code__.co_filename.endswith("entry.py")] == []


def test_what_python_still_holds_back_at_its_end_changes_no_code(tmp_path):
    """`print` into a pipe is written when the buffer is full, or at the very end."""
    code = "from isogloss.entry import entry\n@entry\ndef main():\n    print('x')\nmain()"
    assert unread(folder=tmp_path, code=code) == (EXIT_CODE, "")
    raising = code.replace("\nmain()", "\n    raise TableError('no')\nmain()")
    refusing = f"from isogloss.errors import TableError\n{raising}"
    assert unread(folder=tmp_path, code=refusing) == (2, "isogloss: no\n")


def test_a_broken_pipe_of_something_else_is_an_error_like_others():
    @entry
    def main() -> None:
        raise BrokenPipeError("a socket")

    with pytest.raises(BrokenPipeError, match="a socket"):
        main()
