"""A run in the terminal: a line when a stage starts, its output, a line when it ends."""

import os
import signal
import threading
from collections.abc import Callable
from typing import IO

from rich.text import Text

from isogloss.consoles import console
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Plan, Stage

_COLOURS = ("cyan", "magenta", "blue", "yellow", "bright_cyan", "bright_magenta", "bright_blue")
_STYLES = {
    "executed": "green",
    "cached": "green",
    "unchanged": "green",
    "failed": "bold red",
    "skipped": "yellow",
    "interrupted": "yellow",
}


class ConsoleListener:
    """Prints a run, each line after its stage's name; in colour on a terminal, as plain text in a log.

    Its methods are called from several threads. If the reader of the output goes away, the run is stopped, as it is
    when its terminal is closed. `log` is called with the name of a stage and each line of its output.
    """

    def __init__(self, plan: Plan, *, file: IO[str] | None = None, log: Callable[[str, str], None] | None = None):
        self._console = console(file=file, soft_wrap=True)
        self._width = max((len(stage.name) for stage in plan.stages), default=0)
        self._colours = {stage.name: _COLOURS[i % len(_COLOURS)] for i, stage in enumerate(plan.stages)}
        self._lock, self._log = threading.Lock(), log
        self._unread = False

    def started(self, stage: Stage) -> None:
        """`train_asr │ started: src/isogloss/recognizers/transducer/lstm.py changed`."""
        self._print(stage.name, f"started: {stage.why}", "bold")

    def line(self, stage: Stage, text: str) -> None:
        """Print one line of a stage's own output, or the reason why it waits."""
        self._print(stage.name, text, "")
        if self._log is not None:
            self._log(stage.name, text)

    def ended(self, outcome: Outcome) -> None:
        """`train_asr │ executed in 1 min 23 s`; the reason of a failure is printed once, at the end of the run."""
        text = f"{outcome.state} {'in' if outcome.succeeded else 'after'} {duration(outcome.seconds)}"
        if outcome.seconds == 0.0 and outcome.message:
            text = outcome.message
        self._print(outcome.stage, text, _STYLES[outcome.state])

    def say(self, text: str) -> None:
        """Print a line that belongs to no stage."""
        self._write(Text(text))

    def _print(self, name: str, text: str, style: str) -> None:
        label = Text(f"{name:<{self._width}} │ ", style=self._colours.get(name, ""))
        self._write(label + Text(text, style=style))

    def _write(self, line: Text) -> None:
        """Write one line, from any thread; a closed pipe stops the run and is not a failure of the stage."""
        with self._lock:
            if self._unread:
                return
            try:
                self._console.print(line)
            except BrokenPipeError:
                self._unread = True
                if callable(signal.getsignal(signal.SIGHUP)):  # This signal stops a run (pipeline.host.signals).
                    os.kill(os.getpid(), signal.SIGHUP)


def duration(seconds: float) -> str:
    """A duration for readers: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 7 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
