"""`isogloss claims`: test what papers claim on the finished runs of an experiment."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.entry import entry

if TYPE_CHECKING:
    from isogloss.config import Sweep
    from isogloss.config.claim import Claim
    from isogloss.config.experiment import Experiment as File
    from isogloss.pipeline.repo.experiments import Experiment
    from isogloss.studies.claims import Finding
    from isogloss.studies.claims_page import Provenance


@click.command(epilog="\b\nExample:\n  isogloss claims experiments/claims-asr.yaml")
@click.argument("experiment", metavar="[FILE]", default="experiments/claims-asr.yaml")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("docs/studies"), show_default=True
)
@entry
def claims(experiment: str, out: Path) -> None:
    """Judge the papers' claims on the runs of an experiment file, over base models and speakers.

    FILE is experiments/claims-asr.yaml by default. A file with `study.claims` states its claims itself: about its
    settings and their error rates or other figures, or about cohort rules and their gaps (`study.rules`). Else the
    claims are the papers' about mitigations: of verifiers if the file sets `verification.methods`, else of recognisers.
    Cohorts of recognisers are those of `mitigation.rule`. The spread of verifiers is over the groups of the first rule
    of `cohorts.rules`, which the page names; the gap is between those of `verification.attribute`.

    The table is printed and written to --out with its numbers, named after the file and its plan; for recognisers also
    a chart of the overall error against that of the worst cohorts. Runs are refused if they were made with other code,
    data or params, or before their plan was committed.
    """
    from isogloss.config import load_sweep
    from isogloss.consoles import Table, console
    from isogloss.pipeline.repo.outputs import finished_runs
    from isogloss.studies.claims import HEADINGS
    from isogloss.studies.plan import require_plan

    sweep = load_sweep(experiment)
    require_plan(sweep.experiment, sweep.path)
    saved = finished_runs(sweep)
    made = _provenance(sweep, saved)
    judges = {"rules": _rules, "systems": _systems, "verification": _verification, "recognition": _recognition}
    judge = judges[_kind(sweep.experiment)]
    findings, files = judge(sweep, saved, made, out)
    table = Table()
    for heading in HEADINGS:
        table.add_column(heading)
    for finding in findings:
        table.add_row(*finding.cells)
    on = console()
    on.print(table)
    if len(saved) < len(sweep.runs):
        on.print(
            f"{len(sweep.runs) - len(saved)} of {len(sweep.runs)} runs are not finished; "
            f"`isogloss sweep {experiment}` goes on."
        )
    for path in files:
        click.echo(path)


def _kind(experiment: "File") -> str:
    """What the claims of an experiment file are about."""
    if experiment.study.claims:
        return "rules" if experiment.study.rules else "systems"
    return "verification" if "verification.methods" in experiment.base else "recognition"


def _claims_of(experiment: "File", listed: "Callable[[str], str]") -> "Sequence[Claim]":
    """The claims of an experiment file: its own, or those of a list whose text `listed` returns by its file's name."""
    from isogloss.studies.claims import claims_of

    kind = _kind(experiment)
    return experiment.study.claims or claims_of(listed(f"{kind}_claims.yaml"))


def _provenance(sweep: "Sweep", saved: "Mapping[str, Experiment]") -> "Provenance":
    """The code and plan that made the runs; refuses runs of other code or params, and runs older than their plan."""
    from isogloss.config.experiment import Experiment as File
    from isogloss.config.reading import parse_yaml, validated
    from isogloss.errors import IsoglossError, PipelineError
    from isogloss.pipeline.sweeps.sweep_plan import plan_sweep
    from isogloss.studies.claims import claims_text
    from isogloss.studies.claims_page import Provenance
    from isogloss.studies.plan import plan_digest

    path = sweep.path.as_posix()
    digest = plan_digest(sweep.experiment, _claims_of(sweep.experiment, claims_text))
    current = {run.run.name: run.digest for run in plan_sweep(Path.cwd(), sweep).runs} if saved else {}
    for name, run in saved.items():
        if run.inputs != current[name]:
            raise PipelineError(
                f"run {name} was made by other code, data or params than the present ones (at {run.baseline[:10]}); "
                f"`isogloss sweep {path}` makes it anew, or check out that commit to judge it"
            )
        try:
            planned = validated(parse_yaml(run.text(path), where=path) or {}, File, where=path)
            then = plan_digest(planned, _claims_of(planned, partial(_text_in, run)))
        except IsoglossError:
            then = "none"
        if then != digest:
            raise PipelineError(
                f"run {name} was made under plan {then}, but {path} has plan {digest} now; an analysis is fixed before "
                f"its runs: commit the plan, then `isogloss sweep {path}`, or check out {run.baseline[:10]} to judge it"
            )
    revisions = sorted({run.baseline for run in saved.values()})
    return Provenance(plan=digest, revisions=revisions, inputs={name: current[name] for name in saved})


def _text_in(run: "Experiment", name: str) -> str:
    """The text of a list of claims in the commit at which a run was made."""
    return run.text(f"src/isogloss/studies/{name}")


def _systems(
    sweep: "Sweep", saved: "Mapping[str, Experiment]", made: "Provenance", out: Path
) -> "tuple[list[Finding], list[Path]]":
    """Judge the claims that the file states about its settings, and write the page."""
    from isogloss.pipeline.repo.outputs import output_file, read_output
    from isogloss.report.readings import read_metric
    from isogloss.studies.plan import require_plan
    from isogloss.studies.system_claims import judge_systems
    from isogloss.studies.system_page import write_system_claims
    from isogloss.studies.systems import systems

    tables = {
        run.name: output_file(saved[run.name], sweep.study_table(run.setting))
        for run in sweep.runs
        if run.name in saved
    }

    def figure(run: str, metric: str) -> float | None:
        """A number of a run."""
        return read_metric(metric, lambda path: read_output(saved[run], path))

    findings = judge_systems(sweep, tables, figure, require_plan(sweep.experiment, sweep.path))
    return findings, write_system_claims(findings, systems(sweep, tables, figure), sweep, made, out)


def _rules(
    sweep: "Sweep", saved: "Mapping[str, Experiment]", made: "Provenance", out: Path
) -> "tuple[list[Finding], list[Path]]":
    """Judge the claims that the file states about cohort rules, and write the page."""
    from isogloss.config import load_params
    from isogloss.pipeline.repo.outputs import output_file
    from isogloss.studies.plan import require_plan
    from isogloss.studies.recognition_claims import read_run
    from isogloss.studies.rule_claims import judge_rules, rule_rows
    from isogloss.studies.rule_page import write_rule_claims

    plan, asked = require_plan(sweep.experiment, sweep.path), sweep.experiment.study
    runs = [
        {rule: read_run(partial(output_file, run), methods=(), rule=rule) for rule in asked.rules}
        for run in saved.values()
    ]
    least = load_params().statistics
    few, deciding = least.min_speakers, least.min_deciding
    findings = judge_rules(asked.claims, runs, plan, min_speakers=few, min_deciding=deciding)
    rows = rule_rows(runs, min_speakers=few, min_deciding=deciding, alike=plan.estimand == "speakers")
    return findings, write_rule_claims(findings, rows, len(runs), sweep, made, out)


def _recognition(
    sweep: "Sweep", saved: "Mapping[str, Experiment]", made: "Provenance", out: Path
) -> "tuple[list[Finding], list[Path]]":
    """Judge the claims about recognisers and write the page."""
    from isogloss.config import load_params
    from isogloss.pipeline.repo.outputs import output_file
    from isogloss.studies.claims import read_claims
    from isogloss.studies.plan import require_plan
    from isogloss.studies.recognition_claims import judge, read_run
    from isogloss.studies.recognition_page import write_claims

    params, base = load_params(), sweep.experiment.base
    rule = base.get("mitigation.rule", params.mitigation.rule)
    methods = base.get("mitigation.methods", params.mitigation.methods)
    runs = [read_run(partial(output_file, run), methods=methods, rule=rule) for run in saved.values()]
    plan, listed = require_plan(sweep.experiment, sweep.path), read_claims("recognition")
    findings = judge(listed, runs, plan)
    stricter = judge(listed, runs, plan, min_deciding=params.statistics.min_deciding)
    changed = [one.claim.id for one, other in zip(findings, stricter, strict=True) if one.verdict != other.verdict]
    if changed:
        click.echo(f"Inconclusive by the speakers who decide, see the page: {', '.join(changed)}.")
    return findings, write_claims(findings, stricter, runs, sweep, made, out)


def _verification(
    sweep: "Sweep", saved: "Mapping[str, Experiment]", made: "Provenance", out: Path
) -> "tuple[list[Finding], list[Path]]":
    """Judge the claims about verifiers, each setting for itself, and write the page."""
    from isogloss.config import load_params
    from isogloss.pipeline.repo.outputs import output_file
    from isogloss.studies.claims import read_claims
    from isogloss.studies.plan import require_plan
    from isogloss.studies.verification_claims import judge_verifiers, read_verifiers
    from isogloss.studies.verification_page import write_verification_claims

    params = load_params()
    runs: dict[str, list] = {}
    for run in sweep.runs:
        if run.name in saved:
            verifiers = read_verifiers(
                partial(output_file, saved[run.name]),
                methods=run.overrides["verification.methods"],
                gap=run.overrides.get("verification.attribute", params.verification.attribute),
                spread=run.overrides.get("cohorts.rules", params.cohorts.rules)[0],
                min_speakers=run.overrides.get("statistics.min_speakers", params.statistics.min_speakers),
            )
            runs.setdefault(run.setting.removeprefix(f"{sweep.name}-"), []).append(verifiers)
    findings = judge_verifiers(read_claims("verification"), runs, require_plan(sweep.experiment, sweep.path))
    return findings, write_verification_claims(findings, runs, sweep, made, out)
