"""The results of `statistics_coverage.py` as a table and a figure."""

from typing import Any

METHODS = {
    "studentised": ("#1b6ca8", "studentised, speakers"),
    "percentile": ("#d9822b", "percentile, speakers"),
    "utterances": ("#b3261e", "percentile, utterances"),
}
PANEL_WIDTH, PANEL_HEIGHT, MARGIN = 230, 190, 46
LOWEST = 0.4
"""Coverage at the lower edge of the figure."""


def as_markdown(result: dict[str, Any]) -> str:
    """All results as tables."""
    coverage = result["coverage"]
    sizes = sorted({row["speakers"] for row in coverage})
    simulations = max(row["simulations"] for row in coverage)
    lines = [
        "# Do the intervals and tests hold?",
        "",
        "Made by `python benchmarks/statistics_coverage.py`.",
        "",
        f"## Coverage of nominal 95 % intervals, {simulations} simulations each, {result['draws']} draws (%)",
        "",
        f"Standard error of a coverage of 95 %: {100 * (0.95 * 0.05 / simulations) ** 0.5:.1f} points. In brackets the "
        "share of simulations in which an interval exists, where it is not all of them.",
        "",
        "| WER | figure | method | " + " | ".join(f"{size} speakers" for size in sizes) + " |",
        "|---|---|---|" + "---|" * len(sizes),
    ]
    for base in sorted({row["base_rate"] for row in coverage}):
        for figure in dict.fromkeys(row["figure"] for row in coverage):
            for method, (_, label) in METHODS.items():
                rows = {r["speakers"]: r for r in coverage if _is(r, base_rate=base, figure=figure, method=method)}
                cells = " | ".join(_cell(rows[size]) for size in sizes)
                lines.append(f"| {base:.0%} | {figure} | {label} | {cells} |")
    spread = result["spread"]
    sizes = sorted({row["speakers"] for row in spread})
    lines += [
        "",
        "## Coverage for the relative change of the spread over six cohorts, studentised (%)",
        "",
        "| figure | true change | " + " | ".join(f"{size} speakers a cohort" for size in sizes) + " |",
        "|---|---|" + "---|" * len(sizes),
    ]
    for figure in dict.fromkeys(row["figure"] for row in spread):
        rows = {row["speakers"]: row for row in spread if row["figure"] == figure}
        cells = " | ".join(_cell(rows[size]) for size in sizes)
        lines.append(f"| {figure} | {rows[sizes[0]]['truth']:+.1%} | {cells} |")
    return "\n".join([*lines, *_null_and_speed(result)]) + "\n"


def _null_and_speed(result: dict[str, Any]) -> list[str]:
    """The null simulation and the speed."""
    null, speed = result["null"], result["speed"]
    shares, ratio = null["share_of_runs"], null["worst_cohort_relative_to_overall"]
    limit = 0.05 + 1.96 * (0.05 * 0.95 / null["runs"]) ** 0.5
    return [
        "",
        f"## No real disparity: share of {null['runs']} runs with a claim at 5 %",
        "",
        f"Up to {limit:.1%} is within binomial error of 5 %.",
        "",
        "| claim | share |",
        "|---|---|",
        "| a cohort is worse: found on discovery, tested on test, speakers as units, Holm (`disparities`) "
        f"| {shares['honest']:.1%} |",
        f"| the same with utterances as units | {shares['utterances as units']:.1%} |",
        f"| the same, tested on discovery itself | {shares['tested where chosen']:.1%} |",
        f"| a cohort is harmed by a system that changes nothing (`compare`) | {shares['harmed']:.1%} |",
        "",
        f"The worst cohort of discovery has {ratio['discovery']:.2f} times the overall WER there and "
        f"{ratio['test']:.2f} times on test: all of it is selection.",
        "",
        "## Speed",
        "",
        f"{speed['draws']:,} draws of {speed['speakers']:,} speakers in {speed['cohorts']} cohorts, "
        f"{speed['intervals']} intervals, one core: {speed['wall_s']} s ({speed['processor_s']} s of processor time), "
        f"{speed['added_memory_mb']} MB.",
    ]


def _is(row: dict[str, Any], **wanted: object) -> bool:
    """Whether a row has these values."""
    return all(row[key] == value for key, value in wanted.items())


def _cell(row: dict[str, Any]) -> str:
    """Coverage in percent, and how often there is an interval."""
    if row["coverage"] is None:
        return "none"
    share = row["intervals"] / row["simulations"]
    return f"{100 * row['coverage']:.1f}" + ("" if share == 1 else f" ({share:.0%})")


def as_svg(result: dict[str, Any]) -> str:
    """Coverage against speakers: a row of panels a base rate, a column a figure, a line a method."""
    coverage = result["coverage"]
    figures = list(dict.fromkeys(row["figure"] for row in coverage))
    bases = sorted({row["base_rate"] for row in coverage})
    width, height = MARGIN + PANEL_WIDTH * len(figures) + 10, 60 + PANEL_HEIGHT * len(bases) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="11" role="img" aria-label="Coverage of nominal 95 % intervals by number of speakers">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{MARGIN}" y="18" font-size="14">Coverage of nominal 95 % intervals by number of speakers</text>',
    ]
    for index, (colour, label) in enumerate(METHODS.values()):
        x = MARGIN + 190 * index
        parts.append(f'<line x1="{x}" x2="{x + 22}" y1="36" y2="36" stroke="{colour}" stroke-width="2.5"/>')
        parts.append(f'<text x="{x + 28}" y="40">{label}</text>')
    for row, base in enumerate(bases):
        for column, figure in enumerate(figures):
            chosen = [r for r in coverage if _is(r, base_rate=base, figure=figure)]
            origin = (MARGIN + PANEL_WIDTH * column, 60 + PANEL_HEIGHT * row)
            parts += _panel(chosen, origin, title=f"{figure}, WER {base:.0%}", numbers=column == 0)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(rows: list[dict[str, Any]], origin: tuple[int, int], *, title: str, numbers: bool) -> list[str]:
    """One panel."""
    left, top = origin[0], origin[1] + 18
    wide, high = PANEL_WIDTH - 24, PANEL_HEIGHT - 52
    sizes = sorted({row["speakers"] for row in rows})

    def x(size: int) -> float:
        return left + wide * (sizes.index(size) + 0.5) / len(sizes)

    def y(coverage: float) -> float:
        return top + high * (1 - (max(coverage, LOWEST) - LOWEST) / (1 - LOWEST))

    parts = [
        f'<text x="{left}" y="{top - 6}" font-weight="bold">{title}</text>',
        f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" fill="none" stroke="#999"/>',
        f'<rect x="{left}" y="{y(0.97):.1f}" width="{wide}" height="{y(0.93) - y(0.97):.1f}" fill="#e3f0e3"/>',
        f'<line x1="{left}" x2="{left + wide}" y1="{y(0.95):.1f}" y2="{y(0.95):.1f}" stroke="#5a8f5a"/>',
    ]
    for size in sizes:
        parts.append(f'<text x="{x(size):.1f}" y="{top + high + 14}" text-anchor="middle">{size}</text>')
    if numbers:
        for level in (0.4, 0.6, 0.8, 0.95):
            parts.append(f'<text x="{left - 6}" y="{y(level) + 4:.1f}" text-anchor="end">{level:.0%}</text>')
    for method, (colour, _) in METHODS.items():
        found = sorted((r["speakers"], r["coverage"]) for r in rows if r["method"] == method and r["coverage"])
        points = " ".join(f"{x(size):.1f},{y(level):.1f}" for size, level in found)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(s):.1f}" cy="{y(c):.1f}" r="2.6" fill="{colour}"/>' for s, c in found]
    return parts
