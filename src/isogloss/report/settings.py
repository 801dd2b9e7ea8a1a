"""The origin of the options of a run, as far as the run shows it: chosen on dev, or set by hand.

`isogloss choose --into` writes into `mitigation.chosen` the options that it chose on dev, with the corpus and the
recogniser. A page says "chosen on dev" only if the options are unchanged and the run has that corpus and recogniser.
For a method that chooses an option itself while it adapts (`settles` of its options), the page says so too.
"""

from collections.abc import Mapping
from typing import Any

from isogloss.config import Params
from isogloss.report.text import listing


def settings_sentences(params: Params) -> list[str]:
    """The origins of the options of the run's methods, one sentence for each kind of origin."""
    found: dict[str, list[str]] = {}
    for method in map(str, params.mitigation.methods):
        found.setdefault(_origin(method, params), []).append(method)
    sentences = [_SAID[origin].format(listing(methods)) for origin, methods in found.items()]
    settled = {
        method: settles
        for method in map(str, params.mitigation.methods)
        if (settles := getattr(params.section(method), "settles", ""))
    }
    return sentences + [f"{method} settled {what} on dev in this run." for method, what in settled.items()]


_SAID: Mapping[str, str] = {
    "chosen": "The options of {} were chosen on dev among trials, before anybody looked at test.",
    "changed": "The options of {} are others than those that were chosen on dev.",
    "foreign": "The options of {} were chosen on dev of another corpus or recogniser, not on that of this run.",
    "unchosen": "The options of {} are those of params.yaml; nothing says that they were chosen on dev.",
}


def _origin(method: str, params: Params) -> str:
    """A key of `_SAID`."""
    record = params.mitigation.chosen.get(method)
    if record is None:
        return "unchosen"
    if (record.corpus, record.recognizer) != (params.corpus.source, params.recognizer):
        return "foreign"
    own: dict[str, Any] = params.section(method).model_dump()
    return "chosen" if all(own.get(key) == value for key, value in record.options.items()) else "changed"
