"""Error rates on dev, by which methods choose."""

import pandas as pd
import pytest

from isogloss.config import Params
from isogloss.errors import ModelError
from isogloss.inference import dev

ASSIGNMENTS = pd.DataFrame({"utterance_id": ["a", "b"], "cohort": ["far", "near"]})


def rates(monkeypatch, words):
    """Rates of two utterances with one error each; `far` is the cohort that is mitigated."""
    table = pd.DataFrame({"utterance_id": ["a", "b"], "words": words, "substitutions": 0, "deletions": 0})
    monkeypatch.setattr(dev, "transcribe", lambda *_, **__: table.assign(insertions=1))
    return dev.dev_rates(None, None, ASSIGNMENTS, ["far"], Params(), data=None)


def test_rates_are_those_of_all_and_of_the_worst(monkeypatch):
    found = rates(monkeypatch, [4, 1])
    assert (found.overall, found.worst) == (2 / 5, 1 / 4)


def test_worst_cohorts_without_a_word_are_refused(monkeypatch):
    with pytest.raises(ModelError, match="dev has no words of the worst cohorts far, by which a method chooses"):
        rates(monkeypatch, [0, 1])
