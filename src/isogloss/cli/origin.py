"""What a document was made from: command, version, date, and the digest of each file that was read."""

import os
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from isogloss import __version__
from isogloss.io.source import checksum
from isogloss.judging.document import Input, Origin


def origin(files: Mapping[str, Path | None]) -> Origin:
    """The origin of a document that the running command makes.

    The date is that of `SOURCE_DATE_EPOCH` if it is set, so that a page can be reproduced byte by byte.

    Parameters
    ----------
    files
        Paths by the name of their option; None if the option was not used.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
    read = [
        Input(role=role, file=str(path), sha256=checksum(path))
        for role, path in files.items()
        if path is not None and path.is_file()
    ]
    return Origin(
        command=shlex.join(["isogloss", *sys.argv[1:]]),
        version=__version__,
        date=moment.date().isoformat(),
        inputs=read,
    )
