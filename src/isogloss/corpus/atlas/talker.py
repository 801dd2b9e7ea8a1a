"""The process that speaks: `python -m isogloss.corpus.atlas.talker` reads requests from stdin, writes samples out.

A request is one line of JSON: the arguments of `Espeak.set_voice`, and `texts`. The answer is one line of JSON,
`{"bytes": [...]}` with the length of each sentence, followed by the samples; or `{"error": ...}`. The process
initialises espeak-ng and never speaks; each request is spoken by a freshly forked child, so the sound depends on the
request alone (see `espeak`). It imports no NumPy: the smaller a process, the less its forks cost. It ends when its
stdin closes, or where a child dies.
"""

import json
import os
import sys

from isogloss.corpus.atlas.espeak import Espeak
from isogloss.errors import CorpusError


def main() -> None:
    """Speak until stdin closes."""
    engine = Espeak()
    engine.set_voice("en-us", pitch=50, pitch_range=50, rate=160, seed=1)  # its tables are then loaded once for all
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _speak_and_exit(line, engine)
        _, status = os.waitpid(child, 0)
        if status != 0:
            sys.exit(1)


def _speak_and_exit(line: str, engine: Espeak) -> None:
    """One request, in the child."""
    request = json.loads(line)
    texts = request.pop("texts")
    try:
        engine.set_voice(**request)
        spoken = [engine.say(text) for text in texts]
        head = json.dumps({"bytes": [len(samples) for samples in spoken]})
    except CorpusError as error:
        spoken, head = [], json.dumps({"error": str(error)})
    with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as answer:
        answer.write(head.encode() + b"\n")
        answer.writelines(spoken)
    os._exit(0)


if __name__ == "__main__":
    main()
