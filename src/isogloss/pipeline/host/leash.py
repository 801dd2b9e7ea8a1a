"""A process on a leash: it ends, with all its children, when its owner closes the leash or dies.

Run as a script with a number of seconds and a command as arguments, by the interpreter alone (standard library, a few
milliseconds). The script leads a process group of its own, in which the command and everything it starts live. It
waits for the command and exits with its status. Its standard input is the leash: when that closes (because the owner
closes it or has been killed), the whole group gets SIGINT, after those seconds SIGTERM, after as many again SIGKILL.
So a stage is never orphaned, not even by `kill -9` of the run that started it; and Ctrl-C in a terminal reaches the
owner alone, who decides.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    """Run the command of `sys.argv` and return its exit status; 128 + the signal where one ended it."""
    grace_seconds, command = float(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler, not SIG_IGN: the command would inherit that one.
        signal.signal(number, lambda *_: None)
    # The locks that were handed to us are the command's too: they are held as long as one of us lives.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
    over, let_go = threading.Event(), threading.Event()
    threading.Thread(target=_end_when_let_go, args=(over, let_go, grace_seconds), daemon=True).start()
    status = child.wait()
    over.set()
    if let_go.is_set():
        os.killpg(0, signal.SIGKILL)  # what the command left behind, and this process
    return status if status >= 0 else 128 - status


def _end_when_let_go(over: threading.Event, let_go: threading.Event, grace_seconds: float) -> None:
    """Wait for the end of standard input, then signal the group that this process leads until the command is over."""
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
