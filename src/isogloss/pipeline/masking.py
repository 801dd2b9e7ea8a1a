"""Keeping secrets out of logs, artifacts and messages.

The user part of addresses (`https://user:password@host`) is hidden, and so are the values of environment variables
whose names say that they are secret. All output of stages is masked before it is sent to Prefect or shown in a message.
"""

import os
import re
from functools import lru_cache

_USER_PART = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s@'\"]+@")
_SIGNATURE = re.compile(r"(?P<name>[?&](?:X-Amz-Signature|X-Amz-Credential|sig|token|access_token)=)[^&\s'\"]+", re.I)
_SECRET_NAME = re.compile(r"(SECRET|PASSWORD|PASSWD|TOKEN|API_KEY|ACCESS_KEY|AUTH_STRING|CREDENTIAL)", re.I)
_SHORTEST = 6
"""Fewest characters of a value that is masked; shorter values occur in ordinary text."""


def masked(text: str) -> str:
    """The text with `***` for each secret in it.

    >>> masked("failed to connect to https://me:hunter2@example.org/bucket")
    'failed to connect to https://***@example.org/bucket'
    """
    text = _SIGNATURE.sub(r"\g<name>***", _USER_PART.sub(r"\g<scheme>***@", text))
    for secret in _secrets(tuple(sorted(os.environ.items()))):
        text = text.replace(secret, "***")
    return text


@lru_cache(maxsize=4)
def _secrets(environment: tuple[tuple[str, str], ...]) -> list[str]:
    """The secret values of an environment, longest first, so that none hides a part of another."""
    values = {value for name, value in environment if _SECRET_NAME.search(name) and len(value) >= _SHORTEST}
    # A message may quote `user:password`, or only the password.
    values |= {part for value in values for part in value.split(":", 1)[1:] if len(part) >= _SHORTEST}
    return sorted((value for value in values if not value.startswith("/")), key=len, reverse=True)
