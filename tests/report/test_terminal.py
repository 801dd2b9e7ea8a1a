"""The tables in the terminal hold whole figures."""

import json

import pandas as pd
from click.testing import CliRunner

from isogloss.cli import main
from isogloss.report.text import interval, percent, signed_percent


def test_no_figure_of_two_weighted_systems_is_cut(tmp_path):
    rows = [
        {
            "utterance_id": f"u{speaker:03d}-{number}",
            "speaker_id": f"s{speaker:03d}",
            "weight": (0.2, 1.4)[speaker % 2],
            "ref": "turn on the light in the kitchen",
            "before": "turn on a light" if number <= speaker % 3 else "turn on the light in the kitchen",
            "after": "turn on the kite in the kitchen" if number <= speaker % 2 else "turn on the light in the kitchen",
            "age_band": ("young adults, 18 to 24 years", "25 to 44 years", "older than 64 years")[speaker // 2 % 3],
        }
        for speaker in range(240)
        for number in range(4)
    ]
    table = pd.DataFrame(rows)
    for name in ("before", "after"):
        other = ({"before", "after"} - {name}).pop()
        table.drop(columns=other).rename(columns={name: "hyp"}).to_csv(tmp_path / f"{name}.csv", index=False)
    given = ["audit", str(tmp_path / "before.csv"), "--after", str(tmp_path / "after.csv"), "--by", "age_band"]
    done = CliRunner().invoke(main, [*given, "--out", str(tmp_path / "out")], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    (grouping,) = json.loads((tmp_path / "out" / "fairness.json").read_text())["groupings"]
    assert len(grouping["cohorts"]) == 3
    cells = done.output.replace("\n", "  ")
    for cohort in grouping["cohorts"]:
        for change, bounds in (
            (cohort["relative_change"], cohort["ci95"]),
            (cohort["other"]["relative_change"], cohort["other"]["ci95"]),
        ):
            assert f" {signed_percent(change)} " in cells and f" {interval(bounds, signed=True)} " in cells
        assert f" {percent(cohort['before'])} " in cells and f" {percent(cohort['after'])} " in cells
    table_lines = done.output[done.output.index("By age band") :].splitlines()[1:9]
    first = " ".join(line[:24].strip() for line in table_lines).split()
    for cohort in grouping["cohorts"]:  # a label is folded within its column, and never dropped
        assert " ".join(cohort["label"].split()) in " ".join(first), done.output
    assert "each alike" in " ".join(table_lines[:2]) and "…" not in done.output, done.output
