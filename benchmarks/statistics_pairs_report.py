"""The results of `statistics_pairs.py` as tables."""

from typing import Any

import numpy as np

BINS = ((0, 3), (3, 4), (4, 5), (5, 7), (7, 10), (10, 15), (15, 1000))
CLAIMS = ("improved", "harmed", "flips improved", "flips harmed")


def as_markdown(result: dict[str, Any]) -> str:
    """The page."""
    lines = [
        "# Do intervals and tests hold on the pairs of cohorts?",
        "",
        "Made by `python benchmarks/statistics_pairs.py` (its head says how). Coverage of nominal 95 % intervals of",
        "the relative change, and type-I errors at 5 % where the change is 0, in per cent. A figure carries inference",
        "from 20 effective and 5 deciding speakers on.",
    ]
    titles = {
        "run": "The cohorts of a run",
        "designed": "Designed cohorts (two of each)",
        "recorded": "Recorded speakers: EdAcc under five recognisers",
        "random": "Random populations, by how many speakers decide on the change",
    }
    for part, title in titles.items():
        if part in result:
            lines += ["", f"## {title}", "", *(_by_deciding if part == "random" else _by_cohort)(result[part])]
    return "\n".join(lines) + "\n"


def _by_cohort(rows: list[dict[str, Any]]) -> list[str]:
    """A line a cohort."""
    names = list(rows[0]["coverage"])
    head = [
        "cohort",
        "speakers",
        "effective",
        "deciding",
        "inference",
        *names,
        "improved",
        "harmed",
        "by sign flips alone",
    ]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        claims = row["claims"]
        cells = [row["cohort"], row["speakers"], row["effective"], row["deciding"], "yes" if row["inference"] else "no"]
        cells += [f"{100 * row['coverage'][name]:.1f}" for name in names]
        cells += [f"{100 * claims[name]:.1f}" for name in CLAIMS[:2]]
        lines.append(_line([*cells, " / ".join(f"{100 * claims[name]:.1f}" for name in CLAIMS[2:])]))
    return [*lines, "", *_verdict(rows)]


def _by_deciding(rows: list[dict[str, Any]]) -> list[str]:
    """A line a range of deciding speakers: means over populations, and the lowest coverage of ours."""
    names = list(rows[0]["coverage"])
    head = ["deciding speakers", "populations", *names, "lowest, ours", "improved", "harmed", "by sign flips alone"]
    lines = [_line(head), _line(["---"] * len(head))]
    for low, high in BINS:
        mine = [row for row in rows if low <= row["deciding"] < high]
        if not mine:
            continue
        cells = [f"{low} to {high}" if high < 1000 else f"{low} and more", len(mine)]
        cells += [f"{100 * np.mean([row['coverage'][name] for row in mine]):.1f}" for name in names]
        cells.append(f"{100 * min(row['coverage']['ours'] for row in mine):.1f}")
        shares = [100 * float(np.mean([row["claims"][name] for row in mine])) for name in CLAIMS]
        lines.append(_line([*cells, *(f"{s:.1f}" for s in shares[:2]), " / ".join(f"{s:.1f}" for s in shares[2:])]))
    return [*lines, "", *_verdict(rows)]


def _verdict(rows: list[dict[str, Any]]) -> list[str]:
    """What holds of the figures that carry inference, and of the others."""
    simulations = rows[0]["simulations"]
    lines = [
        f"{simulations} resamples each: the standard error of a coverage of 95 % is "
        f"{100 * (0.95 * 0.05 / simulations) ** 0.5:.1f} points."
    ]
    for inference, said in ((True, "with inference"), (False, "without")):
        mine = [row for row in rows if row["inference"] is inference]
        if mine:
            coverage = [100 * row["coverage"]["ours"] for row in mine]
            claims = [100 * max(row["claims"]["improved"], row["claims"]["harmed"]) for row in mine]
            lines.append(
                f"{len(mine)} figures {said}: coverage {np.mean(coverage):.1f} on average, {min(coverage):.1f} to "
                f"{max(coverage):.1f}; the larger of the two type-I errors {np.mean(claims):.1f}, at most "
                f"{max(claims):.1f}."
            )
    return lines


def _line(cells: list[Any]) -> str:
    """A row of a table."""
    return "| " + " | ".join(map(str, cells)) + " |"
