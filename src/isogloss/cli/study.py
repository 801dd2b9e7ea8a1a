"""`isogloss study`: the finished runs of an experiment, over seeds and speakers."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.entry import entry

if TYPE_CHECKING:
    from isogloss.config import Sweep
    from isogloss.config.experiment import MatchedGainParams
    from isogloss.pipeline.repo.experiments import Experiment


@click.command(epilog="\b\nExample:\n  isogloss study experiments/encoders.yaml")
@click.argument("experiment", metavar="FILE")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("docs/studies"), show_default=True
)
@entry
def study(experiment: str, out: Path) -> None:
    """Judge the settings of an experiment file on test, with intervals over seeds and speakers.

    The table is printed and written to --out with its numbers and, if the file names an axis, with a chart. If the file
    names `study.cohorts`, the table shows how much each cohort of that rule gains or loses by every method; if it has
    `study.matched_gain`, what methods cost all others at the same gain for the worst cohort.
    """
    from isogloss.config import load_sweep
    from isogloss.consoles import Table, console
    from isogloss.pipeline.repo.outputs import finished_runs

    sweep = load_sweep(experiment)
    saved = finished_runs(sweep)
    asked = sweep.experiment.study
    judge: Callable[[Sweep, Mapping[str, Experiment], Path], _Judged] = _settings
    if asked.cohorts is not None:
        judge = _gains
    elif asked.matched_gain is not None:
        judge = partial(_matched_gains, asked.matched_gain)
    headings, cells, files = judge(sweep, saved, out)
    table = Table()
    for heading in headings:
        table.add_column(heading)
    for row in cells:
        table.add_row(*row)
    console().print(table)
    missing = len(sweep.runs) - len(saved)
    if missing:
        click.echo(f"{missing} of {len(sweep.runs)} runs are not finished; `isogloss sweep {experiment}` goes on.")
    for path in files:
        click.echo(path)


_Judged = tuple[Sequence[str], list[list[str]], list[Path]]
"""Headings, cells and written files of a table."""


def _settings(sweep: "Sweep", saved: "Mapping[str, Experiment]", out: Path) -> _Judged:
    """Settings side by side."""
    from isogloss.pipeline.repo.outputs import output_file, read_output
    from isogloss.report.readings import read_metric
    from isogloss.studies.systems import systems
    from isogloss.studies.writing import table_rows, write_study

    rows = systems(
        sweep,
        {
            run.name: output_file(saved[run.name], sweep.study_table(run.setting))
            for run in sweep.runs
            if run.name in saved
        },
        lambda run, metric: read_metric(metric, lambda path: read_output(saved[run], path)),
    )
    return *table_rows(sweep, rows), write_study(sweep, rows, _revisions(saved), out)


def _gains(sweep: "Sweep", saved: "Mapping[str, Experiment]", out: Path) -> _Judged:
    """How much every method changes the error rate of each cohort."""
    from isogloss.config import load_params
    from isogloss.pipeline.repo.outputs import output_file
    from isogloss.studies.gains import gains
    from isogloss.studies.gains_page import HEADINGS, gain_cells, write_gains
    from isogloss.studies.recognition_claims import JudgedRun, read_run

    params = load_params()
    judged: dict[str, list[JudgedRun]] = {}
    for run in sweep.runs:
        if run.name in saved:
            methods = run.overrides.get("mitigation.methods", params.mitigation.methods)
            read = partial(output_file, saved[run.name])
            one = read_run(read, methods=methods, rule=str(sweep.experiment.study.cohorts))
            judged.setdefault(run.setting.removeprefix(f"{sweep.name}-"), []).append(one)
    rows = gains(
        judged,
        min_speakers=params.statistics.min_speakers,
        min_deciding=params.statistics.min_deciding,
        fewest=params.privacy.min_speakers,
    )
    cells = [[row.setting, *gain_cells(row)] for row in rows]
    return ["setting", *HEADINGS], cells, write_gains(sweep, rows, _revisions(saved), out)


def _matched_gains(asked: "MatchedGainParams", sweep: "Sweep", saved: "Mapping[str, Experiment]", out: Path) -> _Judged:
    """What methods cost all others at the same gain for the worst cohort."""
    from isogloss.config import load_params
    from isogloss.pipeline.repo.outputs import output_file
    from isogloss.studies.matched_gain import Trial, matched_gains
    from isogloss.studies.matched_gain_page import HEADINGS, matched_cells, write_matched_gains
    from isogloss.studies.recognition_claims import read_run

    params, trials = load_params(), []
    for run in sweep.runs:
        if run.name in saved:
            methods = run.overrides.get("mitigation.methods", params.mitigation.methods)
            rule = run.overrides.get("mitigation.rule", params.mitigation.rule)
            outputs = read_run(partial(output_file, saved[run.name]), methods=methods, rule=rule)
            dials = [key for key in sweep.varied if key in run.overrides and key.partition(".")[0] in methods]
            trials.append(Trial(outputs, {key: run.overrides[key] for key in dials}))
    rows = matched_gains(trials, asked, min_deciding=params.statistics.min_deciding)
    return HEADINGS, [matched_cells(row) for row in rows], write_matched_gains(sweep, rows, _revisions(saved), out)


def _revisions(saved: "Mapping[str, Experiment]") -> list[str]:
    """The commits at which the finished runs were made."""
    return sorted({experiment.baseline for experiment in saved.values()})
