"""The results of `recovery.py` as a table and a figure."""

from typing import Any

COLOURS = ("#1b6ca8", "#63a4d4", "#7a4fa3", "#c65102", "#f0a35e", "#b3261e", "#e07a74", "#5c3d00", "#a9884a", "#6a727d")
WIDTH, HEIGHT, LEFT, TOP, GAP, LEGEND = 250, 210, 44, 40, 34, 330
PANELS = (
    ("adjusted_rand", None, "Adjusted Rand index"),
    ("recall", "chance_recall", "Recall of the disadvantaged"),
    ("precision", "chance_precision", "Precision"),
)


def as_markdown(result: dict[str, Any]) -> str:
    """All results as a table."""
    lines = [
        "# Do the cohort rules find what was planted?",
        "",
        "Made by `python benchmarks/recovery.py`. Atlas populations with planted error rates, no audio and no "
        f"recogniser; {result['seeds']} seeds a size; mean ± half of the 95 % interval over seeds. Discovered on the "
        "speakers of discovery, scored on those of test. Disadvantaged: speakers of "
        f"{', '.join(result['disadvantaged'])}. Recall and precision are of the worst cohorts that hold 15 % of the "
        "speakers of discovery; in brackets what as many speakers drawn at random would have. Stratified: speakers are "
        "drawn by place and ZIP, as Atlas draws them by default; natural: everybody with the same chance. The relative "
        "gap, "
        "(WER of the bottom cohort - WER of the top one) / WER of the top one, is the median over seeds. Options are "
        "the defaults of params.yaml but for what a name says; a side of the geodemographic rule has at least 24 "
        "speakers.",
        "",
        "Made-up voices: 32 dimensions, the unit is the standard deviation of speakers of one dialect and gender; "
        "genders lie 6 apart, utterances of a speaker scatter by 1, dialects lie as far apart as the table says.",
        "",
        "| rule | sampling | speakers | cohorts | adjusted Rand | recall | precision | gap, discovery | gap, test |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["results"]:
        cells = [
            row["variant"],
            row["sampling"],
            str(row["speakers"]),
            _figure(row["cohorts"], 1),
            _figure(row["adjusted_rand"], 2),
            f"{_figure(row['recall'], 2)} ({_plain(row['chance_recall'])})",
            f"{_figure(row['precision'], 2)} ({_plain(row['chance_precision'])})",
            *(_share(row[f"gap_on_{split}"]["median"]) for split in ("discovery", "test")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Planted word error rates (variance of the speakers' factor): "]
    lines[-1] += ", ".join(f"{n} {p['rate']:.1%} ({p['dispersion']:g})" for n, p in result["planted"].items()) + "."
    return "\n".join(lines) + "\n"


def _figure(score: dict[str, float | None], digits: int) -> str:
    """Mean and half interval."""
    return "–" if score["mean"] is None else f"{score['mean']:.{digits}f} ± {score['half']:.{digits}f}"


def _plain(score: dict[str, float | None]) -> str:
    """The mean alone."""
    return "–" if score["mean"] is None else f"{score['mean']:.2f}"


def _share(value: float | None) -> str:
    """A gap in per cent."""
    return "–" if value is None else f"{100 * value:.0f} %"


def as_svg(result: dict[str, Any]) -> str:
    """Three panels over the number of speakers: agreement, recall, precision; dashes are chance. Stratified alone."""
    result = {**result, "results": [row for row in result["results"] if row["sampling"] == "stratified"]}
    variants = list(dict.fromkeys(row["variant"] for row in result["results"]))
    sizes = sorted({row["speakers"] for row in result["results"]})
    width = LEFT + len(PANELS) * (WIDTH + GAP) + LEGEND
    height = TOP + HEIGHT + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, (score, chance, title) in enumerate(PANELS):
        left = LEFT + number * (WIDTH + GAP)
        parts += _frame(left, title, sizes)
        for colour, variant in zip(COLOURS, variants, strict=False):
            rows = sorted((r for r in result["results"] if r["variant"] == variant), key=lambda r: r["speakers"])
            parts += _line(left, sizes, rows, score, chance, colour)
    for number, (colour, variant) in enumerate(zip(COLOURS, variants, strict=False)):
        x, y = LEFT + len(PANELS) * (WIDTH + GAP), TOP + 14 + 19 * number
        parts.append(
            f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{colour}"/><text x="{x + 10}" y="{y}">{variant}</text>'
        )
    y = TOP + 14 + 19 * len(variants)
    parts.append(f'<text x="{LEFT + len(PANELS) * (WIDTH + GAP)}" y="{y}" fill="#666">dashes: chance</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(left: int, sizes: list[int], speakers: int) -> float:
    """The place of a size; sizes are evenly spread."""
    return left + WIDTH * (sizes.index(speakers) + 0.5) / len(sizes)


def _y(value: float) -> float:
    """The height of a score between 0 and 1."""
    return TOP + HEIGHT * (1 - value)


def _frame(left: int, title: str, sizes: list[int]) -> list[str]:
    """Title, grid and axes of a panel."""
    parts = [f'<text x="{left}" y="{TOP - 14}" font-size="13" font-weight="600">{title}</text>']
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{_y(tick)}" y2="{_y(tick)}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{left - 6}" y="{_y(tick) + 4}" text-anchor="end" fill="#555">{tick:g}</text>')
    for size in sizes:
        x = _x(left, sizes, size)
        parts.append(f'<text x="{x:.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle" fill="#555">{size}</text>')
    middle = left + WIDTH / 2
    parts.append(f'<text x="{middle}" y="{TOP + HEIGHT + 34}" text-anchor="middle" fill="#555">speakers</text>')
    return parts


def _line(
    left: int, sizes: list[int], rows: list[dict[str, Any]], score: str, chance: str | None, colour: str
) -> list[str]:
    """One variant in one panel."""
    points = [(_x(left, sizes, r["speakers"]), r[score]) for r in rows if r[score]["mean"] is not None]
    path = " ".join(f"{x:.1f},{_y(s['mean']):.1f}" for x, s in points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>']
    for x, s in points:
        low, high = _y(max(s["mean"] - s["half"], 0)), _y(min(s["mean"] + s["half"], 1))
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{colour}"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{_y(s["mean"]):.1f}" r="3" fill="{colour}"/>')
    if chance is not None:
        path = " ".join(f"{_x(left, sizes, r['speakers']):.1f},{_y(r[chance]['mean']):.1f}" for r in rows)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-dasharray="2 4" opacity=".6"/>')
    return parts
