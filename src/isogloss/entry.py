"""The edge between the library and the shell: errors become one sentence and an exit code.

Codes: 0 done, 2 the user's input is wrong (`IsoglossError`), 130 interrupted. Anything else is our defect and keeps
its traceback.
"""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec

from isogloss.errors import IsoglossError

P = ParamSpec("P")


def entry(function: Callable[P, object]) -> Callable[P, None]:
    """Wrap a stage's `main` (or a command) so that a user's mistake prints one sentence to stderr and exits 2."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except IsoglossError as error:
            print(f"isogloss: {error}", file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            print("isogloss: interrupted; finished stages are kept, the next run continues", file=sys.stderr)
            sys.exit(130)

    return guarded
