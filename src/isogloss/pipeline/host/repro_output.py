"""Reading the output of `dvc repro`: how the stage ended, and which lines matter to a user."""

import re

from isogloss.pipeline.outcome import State
from isogloss.pipeline.plan import Stage

_CHATTER = (
    "Generating lock file 'dvc.lock'",
    "Updating lock file 'dvc.lock'",
    "To track the changes with git, run:",
    "To enable auto staging, run:",
    "Use `dvc push` to send your updates to remote storage.",
    "\tgit add ",
    "\tdvc config core.autostage true",
    "Data and pipelines are up to date.",
)
"""Advice of DVC for people who type `dvc repro`; these lines are only logged."""
_EXIT_STATUS = re.compile(r", exited with (-?\d+)$")
"""The exit status of the command in DVC's message; DVC itself always exits with 255."""
_REFUSED = re.compile(r"^ERROR: failed to reproduce '[^']*': (?!failed to run: )(?P<said>.+)$")
"""DVC's message if something other than the stage's command failed."""
_EXCEPTION = re.compile(r"^(?P<said>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning|Exit|Expired|NotFound)\b.*)$")
"""The last line of Python's traceback."""
_LONGEST_SENTENCE = 400
_OUT_OF_MEMORY, _DISK_FULL = "memory ran out", "the disk is full"
_TROUBLES = {
    _OUT_OF_MEMORY: re.compile(
        r"out of memory|OutOfMemoryError|^MemoryError|std::bad_alloc|Cannot allocate memory|DefaultCPUAllocator: can't",
        re.IGNORECASE,
    ),
    _DISK_FULL: re.compile(r"No space left on device|Disk quota exceeded"),
}


class ReproOutput:
    """Reads the output of a stage and of DVC: how the stage ended, why, and which lines matter to a user.

    `state` and `exit_status` are known at the end. `trouble` names a cause that was recognised in the output, and
    `sentence` is the stage's (or DVC's) own message about its failure.
    """

    def __init__(self, stage: Stage):
        self.state: State = "unchanged"
        self._signs: dict[str, State] = {
            f"Running stage '{stage.name}':": "executed",
            f"Verifying data sources in stage: '{stage.name}'": "executed",
            f"Stage '{stage.name}' is cached - skipping run, checking out outputs": "cached",
            f"Stage '{stage.name}' didn't change, skipping": "unchanged",
        }
        self.exit_status: int | None = None
        self.trouble = self._own = self._exception = ""
        self._settled = False
        self._expects_command = False

    @property
    def out_of_memory(self) -> bool:
        """Whether the output says that memory ran out, so that a retry would fail in the same way."""
        return self.trouble == _OUT_OF_MEMORY

    @property
    def sentence(self) -> str:
        """The message of a failure: the sentence about a user's mistake, else DVC's reason, else the last exception.

        The exception is left out if the cause is known (`trouble`).
        """
        said = self._own or ("" if self.trouble else self._exception)
        return said if len(said) <= _LONGEST_SENTENCE else said[: _LONGEST_SENTENCE - 3] + "..."

    def is_for_the_user(self, line: str) -> bool:
        """Read a line of the output and return whether the terminal should show it."""
        if not self._settled and line in self._signs:
            self.state = self._signs[line]
            self._settled = self._expects_command = True
            self._own = ""  # Lines before the start of the command do not explain its failure.
            return False
        if line.startswith("ERROR: failed to reproduce") and (found := _EXIT_STATUS.search(line)):
            self.exit_status = int(found[1])
        elif found := _REFUSED.match(line):
            self._own = found["said"].rstrip(".")
        elif line.startswith("isogloss: "):
            self._own = line.removeprefix("isogloss: ").rstrip(".")
        elif found := _EXCEPTION.match(line):
            self._exception = found["said"].rstrip(".")
        if not self.trouble:
            self.trouble = next((name for name, sign in _TROUBLES.items() if sign.search(line)), "")
        echoed, self._expects_command = self._expects_command and line.startswith("> "), False
        return bool(line.strip()) and not echoed and not line.startswith(_CHATTER)
