"""Python executes this at its start, where PYTHONPATH has this folder: some processes let the server take their place.

They are those of `MODULES` and `SCRIPTS`; all others go on as ever.
"""

import os
import sys

SOCKET = "ISOGLOSS_TEST_WARM_START"
"""Variable with the path of the server's socket."""
MODULES = ("dvc", "isogloss.pipeline.repo.exchange", "isogloss.pipeline.repo.repro", "torch.distributed.run")
SCRIPTS = ("stages", "training")
"""Names of the folders of scripts: the stages, and what the tests of training start."""


def _place_taken(arguments: list[str]) -> None:
    """Have a fork of the server do what this process was started for, and end as it ends."""
    import json
    import signal
    import socket

    folder = os.getcwd()  # noqa: PTH109  (pathlib is slow to import)
    first = folder if arguments[0] == "-m" else os.path.join(folder, os.path.dirname(arguments[0]))  # noqa: PTH118, PTH120
    request = {"arguments": arguments, "first": first, "folder": folder, "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(os.environ[SOCKET])
        socket.send_fds(server, [b" "], [0, 1, 2])
        server.sendall(json.dumps(request).encode() + b"\n")
        told = server.makefile().readline()
    status = int(told or 1)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _is_for_the_server(arguments: list[str]) -> bool:
    """Whether a process with these arguments is one of those that the server has a fork for."""
    if arguments[:1] == ["-m"]:
        return arguments[1] in MODULES
    return arguments[0].endswith(".py") and arguments[0].split("/")[-2:][0] in SCRIPTS if arguments else False


def _asked() -> None:
    arguments = [word for word in sys.orig_argv[1:] if word != "-u"]
    if _is_for_the_server(arguments):
        _place_taken(arguments)


if SOCKET in os.environ:
    _asked()
