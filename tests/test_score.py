"""The table of `isogloss score`: no rate in it is about a few speakers."""

import pandas as pd
import pytest

from isogloss.cli.score import _print_rates
from isogloss.consoles import console

SPEAKERS = {"child": 2, "teen": 4, "adult": 6, "old": 9}


def printed(capsys, *, least):
    """The words of each line that is printed for `SPEAKERS`, whose utterances all have ten words."""
    groups = [group for group, speakers in SPEAKERS.items() for _ in range(speakers)]
    table = pd.DataFrame({"group": groups, "speaker_id": [f"s{n}" for n in range(len(groups))], "split": "test"})
    errors = table["group"].map({"child": 9, "teen": 4, "adult": 2, "old": 1})
    table = table.assign(words=10, weight=1.0, substitutions=errors, deletions=0, insertions=0)
    _print_rates(console(soft_wrap=True), {"base": table}, "age", least=least)
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_groups_of_enough_speakers_are_printed_as_they_are(capsys):
    lines = printed(capsys, least=2)
    assert [line for line in lines if line[0] in ("child", "teen")] == [["child", "90.0"], ["teen", "40.0"]]
    assert not any(line[0].startswith("other") for line in lines)


@pytest.mark.parametrize("least", [3, 5])
def test_small_groups_are_merged_with_another_one(capsys, least):
    """A single hidden group would follow from the total, so the next smallest one is hidden with it."""
    lines = printed(capsys, least=least)
    names = {line[0] for line in lines}
    assert not names & {"child", "teen"} and {"adult", "old"} <= names
    assert ["other", f"{10 * (2 * 9 + 4 * 4) / 6:.1f}"] in lines
    assert any(line[:3] == ["other:", "2", "groups"] for line in lines)
