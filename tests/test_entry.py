"""Errors at the edge: one sentence and a code for the user's mistakes, a traceback for ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from isogloss import errors
from isogloss.entry import entry

HIERARCHY = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.IsoglossError)
]


@pytest.mark.parametrize("kind", HIERARCHY)
def test_a_users_mistake_is_one_sentence_on_stderr_and_code_2(kind, capsys):
    @entry
    def main() -> None:
        raise kind("params.yaml: ewc.strength is -1, but must be at least 0")

    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "isogloss: params.yaml: ewc.strength is -1, but must be at least 0\n"


@pytest.mark.parametrize(
    ("kept", "said"),
    [("", "isogloss: interrupted\n"), ("stages are kept", "isogloss: interrupted; stages are kept\n")],
)
def test_an_interruption_is_one_sentence_and_code_130(kept, said, capsys):
    def main() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        entry(main, interrupted=kept)()
    assert stop.value.code == 130
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(28, "the disk is full"), (30, "choose a folder that can be written"), (13, "change its permissions"),
     (36, "choose a shorter name"), (27, "ulimit -f")],
)  # fmt: skip
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_the_machine_cannot_do_is_one_sentence_that_names_the_file(capsys, number, said, wrapped):
    @entry
    def main() -> None:
        error = OSError(number, "?", "out/audit.html")
        if wrapped:
            raise RuntimeError("the encoder failed") from error
        raise error

    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    written = capsys.readouterr().err
    assert written.startswith("isogloss: out/audit.html") and said in written and written.count("\n") == 1


def test_a_terminal_that_knows_only_ascii_shows_question_marks(tmp_path: Path):
    script = tmp_path / "stage.py"
    script.write_text(
        "from isogloss.entry import entry\nfrom isogloss.errors import TableError\n"
        "@entry\ndef main():\n    print('ewc │ 100 → 30')\n    raise TableError('größer')\nmain()\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (2, "ewc ? 100 ? 30\n", "isogloss: gr??er\n")


def test_a_sentence_is_never_endless():
    message = str(errors.TableError("row 3 holds " + "x" * 100_000 + "; shorten it"))
    assert len(message) < 2100
    assert message.startswith("row 3 holds ") and message.endswith("; shorten it")


def test_our_own_defects_keep_their_traceback():
    @entry
    def main() -> None:
        raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        main()


def test_success_passes_arguments_and_exits_with_nothing():
    seen = []

    @entry
    def main(first: int, *, second: int) -> None:
        seen.append((first, second))

    main(1, second=2)
    assert seen == [(1, 2)]


def test_the_wrapped_function_keeps_its_name_and_docstring():
    @entry
    def main() -> None:
        """Build the page."""

    assert (main.__name__, main.__doc__) == ("main", "Build the page.")


def test_a_script_ends_with_the_code_and_without_a_traceback(tmp_path: Path):
    script = tmp_path / "stage.py"
    script.write_text(
        "from isogloss.entry import entry\nfrom isogloss.errors import TableError\n"
        "@entry\ndef main():\n    raise TableError('data.csv: row 3 has no text')\nmain()\n"
    )
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stderr) == (2, "isogloss: data.csv: row 3 has no text\n")
