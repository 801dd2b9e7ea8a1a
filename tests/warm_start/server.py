"""Python processes that begin as forks of this one, which has imported the large libraries.

A stage of the micro run computes for a second, after imports of three to ten. So the fixture `warm_start` starts this
server, and `sitecustomize.py`, which Python executes at its start, sends it the processes that it is for. They are
processes as before, with their own arguments, folder, environment, standard streams and exit code, whose imports of the
libraries in `LIBRARIES` cost nothing. Nothing of Isogloss is imported here: what a stage imports of it, and which
plug-ins are installed, is found out in each process.

    python server.py SOCKET PID | cat  # until the process PID ends

Its output has to be a pipe, as that of a stage is: Python looks once whether a stream can be rewound. The server is for
Linux only, where a process can be waited for together with a socket.
"""

import atexit
import gc
import importlib
import json
import multiprocessing.process
import os
import runpy
import select
import shutil
import signal
import socket
import sys
import threading
import types
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

LIBRARIES = (
    "torch",
    "lightning.pytorch",
    "lhotse",
    "lilcom",
    "omegaconf",  # by Lightning, where it saves
    "pandas",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "safetensors.torch",
    "scipy.optimize",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.tree",
    "soundfile",
    "meeteval.wer",
    "great_expectations.expectations",
    "jinja2",
    "pydantic.fields",
    "pydantic.functional_validators",
    "pydantic.json_schema",
    "pydantic.main",
    "rapidfuzz",
    "ruamel.yaml",
    "dvc.cachemgr",
    "dvc.cli.parser",
    "dvc.commands.repro",
    "dvc.data_cloud",
    "dvc.lock",
    "dvc.output",
    "dvc.repo.artifacts",
    "dvc.repo.datasets",
    "dvc.repo.metrics",
    "dvc.repo.params",
    "dvc.repo.plots",
    "dvc.repo.reproduce",
    "dvc.repo.stage",
    "dvc.scm",
    "dvc.stage.run",
    "dvc.utils.strictyaml",
    "scmrepo.git",
)


def serve(path: str, session: int) -> None:
    """Answer requests until the process `session` ends.

    Returns in each process that is to become what was asked for, and never in this one.
    """
    outside = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    libraries = [entry for entry in sys.path[1:] if entry not in outside]
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # as the data gate sets it before the import
    for name in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        over = os.pidfd_open(session)
        while True:
            ready, _, _ = select.select([listener, over], [], [])
            if listener not in ready:
                shutil.rmtree(Path(path).parent)
                os._exit(0)
            connection, _ = listener.accept()
            if os.fork() == 0:
                break
            connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, streams = _received(connection)
    process = os.fork()
    if process:
        _keep(process, connection, streams)
    connection.close()
    os.setsid()
    _become(request, streams, libraries)


def _received(connection: socket.socket) -> tuple[dict, list[int]]:
    """A request, and the standard streams that came with its first bytes."""
    text, streams = b"", []
    while not text.endswith(b"\n"):
        part, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 3)
        text += part
        streams.extend(descriptors)
    return json.loads(text), streams


def _keep(process: int, connection: socket.socket, streams: list[int]) -> None:
    """Tell the client how a process ends, or kill its group when the client has gone."""
    for stream in streams:
        os.close(stream)
    ending = os.pidfd_open(process)
    ready, _, _ = select.select([connection, ending], [], [])
    if ending not in ready:
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    with suppress(OSError):
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(request: dict, streams: list[int], libraries: list[str]) -> None:
    """Take the client's place: streams, folder, environment, arguments, and module search path."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    multiprocessing.process.ORIGINAL_DIR = request["folder"]
    sys.stdout.reconfigure(write_through=True)
    sys.argv = request["arguments"]
    own = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [request["first"], *own, *libraries]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # as in a new process: nothing may depend on it


def _run_script() -> None:
    """Execute a script as Python itself does, which `runpy` would give another `__file__` or another `sys.argv`."""
    path = Path(sys.argv[0]).absolute()
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = str(path)
    exec(compile(path.read_bytes(), path, "exec"), main.__dict__)


def _run_module(name: str) -> None:
    sys.argv = [name, *sys.argv[2:]]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _run_to_the_end(run: Callable[[], None]) -> None:
    """Call `run` and end this process as Python ends one, but for the release of the memory.

    To release what is shared with the server, Python would write to all of it first: a second of the processor's time,
    which is as long as most stages compute.
    """
    status: object = 0
    try:
        run()
    except SystemExit as end:
        status = end.code
        if status is not None and not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit((status or 0) & 0xFF)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
    _run_to_the_end(partial(_run_module, sys.argv[1]) if sys.argv[0] == "-m" else _run_script)
