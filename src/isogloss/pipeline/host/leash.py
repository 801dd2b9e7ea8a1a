"""A process on a leash: it ends, with all its children, when its owner closes the leash or dies.

This script takes a number of seconds and a command as arguments. It uses only the standard library, so that it starts
in a few milliseconds. The script leads a process group of its own, in which the command and everything it starts live.
It waits for the command and exits with its status. Its standard input is the leash: when that closes (because the owner
closes it or has been killed), the whole group gets SIGINT, after the given seconds SIGTERM, and after the same time
again SIGKILL. So a stage is never orphaned, not even by `kill -9` of the run that started it; and Ctrl-C in a terminal
reaches only the owner, which decides what to do.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    """Run the command of `sys.argv` and return its exit status, or 128 + the number of the signal that ended it."""
    grace_seconds, command = float(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # An empty handler instead of SIG_IGN, which the command would inherit.
        signal.signal(number, lambda *_: None)
    # The command inherits the locks of this process too, so that they are held until both have ended.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
    over, let_go = threading.Event(), threading.Event()
    threading.Thread(target=_end_when_let_go, args=(over, let_go, grace_seconds), daemon=True).start()
    status = child.wait()
    over.set()
    if let_go.is_set():
        os.killpg(0, signal.SIGKILL)  # This ends what the command left running, and this process.
    return status if status >= 0 else 128 - status


def _end_when_let_go(over: threading.Event, let_go: threading.Event, grace_seconds: float) -> None:
    """Wait until standard input closes, then send signals to this process's group until the command has ended."""
    while os.read(0, 1024):
        pass
    let_go.set()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.killpg(0, number)
        if over.wait(grace_seconds):
            return
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
