"""Running one stage: `isogloss.pipeline.repo.repro` as a process on a leash, with its output shown live and logged.

DVC checks the stage again when it is reached: if its inputs did not change it ends at once, and if an equal run is in
the run cache its outputs are restored.
"""

import os
import selectors
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from isogloss.errors import PipelineError
from isogloss.pipeline.host import leash
from isogloss.pipeline.host.leftovers import remove_leftovers
from isogloss.pipeline.host.repro_output import ReproOutput
from isogloss.pipeline.host.slots import Share
from isogloss.pipeline.masking import masked
from isogloss.pipeline.outcome import Cause, Outcome
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.repo.opening import site_cache

_POLL_SECONDS = 0.1


class Leashed:
    """A command in a process group of its own, which ends when this process ends (see `isogloss.pipeline.host.leash`).

    When let go, it has `grace_seconds` after SIGINT and again after SIGTERM to end; `inherited` are file descriptors
    that stay open as long as the group lives.
    """

    def __init__(
        self,
        command: list[str],
        *,
        cwd: Path,
        environment: dict[str, str],
        stdout: int | IO[bytes] = subprocess.PIPE,
        grace_seconds: float = 10.0,
        inherited: tuple[int, ...] = (),
    ):
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(leash.__file__)), str(grace_seconds), *command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherited,
        )

    def let_go(self) -> None:
        """Ask the whole group to end: SIGINT, later SIGTERM, at last SIGKILL."""
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()

    def kill(self) -> None:
        """End the whole group at once.

        After the group's leader has been reaped this does nothing, since its id may then belong to another process.
        """
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    @property
    def ended(self) -> bool:
        """Whether the command has ended; its leader is not reaped yet, so that its group keeps its id."""
        if self.process.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def finish(self) -> int:
        """Wait for the end, kill what the command left running in its group, and return the exit status."""
        if self.process.returncode is None:
            os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        self.kill()
        status = self.process.wait()
        self.let_go()
        return status


class Executor:
    """Runs stages of the repository at `root`, several at once from several threads, until it is `stopped`.

    `environment` holds variables that the stages get in addition to those of this process. In messages, paths of logs
    and commands are relative to the folder `seen_from`. `inherited` are file descriptors that stay open as long as a
    stage lives. `params` is a snapshot of the params files that the run was planned with (see
    `isogloss.pipeline.repo.inputs_hold`).
    """

    def __init__(
        self,
        root: Path,
        *,
        environment: Mapping[str, str] | None = None,
        seen_from: Path | None = None,
        inherited: tuple[int, ...] = (),
        params: Path | None = None,
    ):
        self._params = params
        self._root = root.resolve()
        self._environment = dict(environment or {})
        self._seen_from = (seen_from or root).resolve()
        self._inherited = inherited
        self._running: set[Leashed] = set()
        self._lock = threading.Lock()
        # A plain flag, since a signal handler sets it: an Event's lock may be held by the interrupted code.
        self.stopped = False

    def log_path(self, stage: Stage) -> Path:
        """The file with the complete output of a stage's last run; git and DVC ignore it."""
        return self._root / ".dvc" / "tmp" / "isogloss" / "logs" / f"{stage.name.replace('/', '_')}.log"

    def stop(self) -> None:
        """Ask all running stages to end, and start no more. Called a second time: end them at once."""
        again, self.stopped = self.stopped, True
        for process in list(self._running):
            if again:
                process.kill()
            process.let_go()

    def run(self, stage: Stage, share: Share, on_line: Callable[[str], None]) -> Outcome:
        """Bring one stage up to date; its output, without secrets, goes to `on_line` and to its log."""
        if self.stopped:
            return Outcome(stage.name, "interrupted", message=f"stage {stage.name} was not started")
        begun = time.monotonic()
        remove_leftovers(self._root, stage.outs)
        path = self.log_path(stage)
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "isogloss.pipeline.repo.repro", stage.name]
        command += ["--params", str(self._params)] if self._params else []
        command += ["--force"] if stage.forced else []
        with path.open("w", encoding="utf-8") as log, self._start(command, share) as process:
            watcher = ReproOutput(stage)
            for line in map(masked, _lines(process)):
                log.write(line + "\n")
                log.flush()
                # What a stage prints while it is being stopped (mostly a traceback) goes to the log only.
                if watcher.is_for_the_user(line) and not self.stopped:
                    on_line(line)
            status = process.finish()
        seconds = time.monotonic() - begun
        if status == 0:
            return Outcome(stage.name, watcher.state, seconds)
        if self.stopped:
            return Outcome(stage.name, "interrupted", seconds, f"stage {stage.name} was interrupted")
        status = watcher.exit_status or status
        killed = status in (-signal.SIGKILL, 128 + signal.SIGKILL)
        cause: Cause = "out of memory" if killed or watcher.out_of_memory else ""
        return Outcome(stage.name, "failed", seconds, self._failure(stage, status, watcher), cause)

    def call(self, *arguments: str) -> list[str]:
        """Run this process's Python with these arguments and return the lines that it prints.

        Raises `PipelineError`: the command fails (the message is its last sentence), or is stopped.
        """
        if self.stopped:
            raise PipelineError("the run is being stopped")
        with self._start([sys.executable, *arguments], Share(cores=1)) as process:
            lines = [masked(line) for line in _lines(process)]
            status = process.finish()
        if status != 0:
            said = lines[-1].removeprefix("isogloss: ") if lines else f"exit code {status}"
            raise PipelineError(said)
        return lines

    @contextmanager
    def _start(self, command: list[str], share: Share) -> Iterator[Leashed]:
        """A leashed process that `stop` can end and that never outlives the block."""
        environment = {
            **os.environ,
            **share.environment,
            # `python` in dvc.yaml means the interpreter of this process, whether or not its environment is activated.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
            "DVC_NO_ANALYTICS": "true",
            "DVC_SITE_CACHE_DIR": os.environ.get("DVC_SITE_CACHE_DIR", str(site_cache(self._root))),
            **self._environment,
        }
        process = Leashed(command, cwd=self._root, environment=environment, inherited=(*self._inherited, *share.files))
        with self._lock:
            self._running.add(process)
        if self.stopped:  # stop() may have read the set just before this process was added.
            process.let_go()
        try:
            yield process
        finally:
            with self._lock:
                self._running.discard(process)
            process.kill()
            process.process.wait()
            process.let_go()

    def _failure(self, stage: Stage, status: int, watcher: ReproOutput) -> str:
        """One sentence: which stage, how it ended (128 + n is signal n in a shell), where its log is."""
        # If DVC refused the stage, its own exit code (255) says nothing.
        how = f"failed with exit code {status}" if watcher.exit_status is not None or not watcher.sentence else "failed"
        number = -status if status < 0 else status - 128
        if number in set(signal.Signals):
            how = f"was ended by {signal.Signals(number).name}"
            if number == signal.SIGKILL:
                how += " (often the kernel, when memory runs out)"
        elif watcher.trouble:
            how += f" ({watcher.trouble})"
        if watcher.sentence and number != signal.SIGKILL:
            how += f": {watcher.sentence}"
        log = self.log_path(stage).relative_to(self._seen_from)
        command = f"dvc repro -s {shlex.quote(stage.name)}"
        if self._root != self._seen_from:
            command = f"cd {shlex.quote(str(self._root.relative_to(self._seen_from)))} && {command}"
        return f"stage {stage.name} {how}; its output is in {log}, and `{command}` runs it alone"


def _lines(process: Leashed) -> Iterator[str]:
    """The output line by line, until the command ends or all its processes have closed the pipe.

    A background process may hold the pipe open after the command has ended; it is not waited for.
    """
    pipe = process.process.stdout
    if pipe is None:
        raise PipelineError("a stage was started without a pipe for its output")
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            over = process.ended
            if selector.select(0 if over else _POLL_SECONDS):
                chunk = os.read(pipe.fileno(), 65536)
                if not chunk:
                    break
                *complete, rest = (rest + chunk).split(b"\n")
                yield from map(_text, complete)
            elif over:
                break
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    """A line as text; of a progress bar that redraws itself only its last state."""
    return line.decode("utf-8", errors="replace").rstrip("\r").rpartition("\r")[2]
