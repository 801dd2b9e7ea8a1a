"""No page says of settings what its run does not bear out: chosen on dev, chosen for another run, or merely set."""

import re

import pytest

from isogloss.config import load_params
from isogloss.report.inputs import read_inputs
from isogloss.report.page import render
from isogloss.report.settings import settings_sentences

HERE = {"corpus": "atlas", "recognizer": "transducer lstm", "options": {"strength": 10000.0}}
UNCHOSEN = "The options of {} are those of params.yaml; nothing says that they were chosen on dev."


def page(repository, **mitigation):
    repository.write_params(mitigation={"methods": ["finetune", "ewc"], **mitigation})
    return re.sub(r"\s+", " ", render(read_inputs(repository.root)))


def test_settings_that_nobody_chose_are_not_called_chosen(repository):
    found = page(repository)
    assert UNCHOSEN.format("finetune and ewc") in found
    assert "were chosen on dev among" not in found and "settings are chosen on" not in found


def test_settings_that_were_chosen_are_said_to_be(repository):
    found = page(repository, chosen={"ewc": HERE})
    assert "The options of ewc were chosen on dev among trials" in found
    assert UNCHOSEN.format("finetune") in found


@pytest.mark.parametrize("foreign", [{"corpus": "speechocean762"}, {"recognizer": "whisper"}])
def test_settings_of_another_corpus_or_recogniser_are_said_to_be_foreign(repository, foreign):
    found = page(repository, chosen={"ewc": {**HERE, **foreign}})
    assert "The options of ewc were chosen on dev of another corpus or recogniser" in found
    assert "were chosen on dev among trials" not in found


def test_settings_that_were_changed_since_are_not_the_chosen_ones(repository):
    found = page(repository, chosen={"ewc": {**HERE, "options": {"strength": 1.0}}})
    assert "The options of ewc are others than those that were chosen on dev." in found
    assert "were chosen on dev among trials" not in found


def test_what_a_method_settles_by_itself_is_said_to_be_chosen_in_the_run(repository):
    repository.write_params(mitigation={"methods": ["finetune", "ewc"]})
    params = load_params(repository.root / "params.yaml")
    mitigation = params.mitigation.model_copy(update={"methods": ["wise_ft"]})
    sentences = settings_sentences(params.model_copy(update={"mitigation": mitigation}))
    assert sentences[-1] == "wise_ft settled its share of fine-tuned weights on dev in this run."
