"""`isogloss choose`: choose each method's options among its trials by their results on the dev split."""

from pathlib import Path

import click

from isogloss.cli.given import FiniteRange
from isogloss.entry import entry


@click.command(
    epilog="\b\nExample:\n  isogloss choose experiments/claims-asr-trials.yaml --into experiments/claims-asr.yaml"
)
@click.argument("trials", metavar="FILE")
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="An experiment file: the chosen options are written into its section `base`, with a record of the choice.",
)
@click.option("--margin", type=FiniteRange(min=0), default=0.02, show_default=True)
@entry
def choose(trials: str, into: Path | None, margin: float) -> None:
    """Choose each method's options among the finished runs of FILE.

    The chosen trial has the lowest error rate of the worst cohorts on dev, as a mean over base models, among the trials
    that raise the overall error rate of the base models by at most the fraction --margin. Only options of methods that
    the other file uses are written. Nothing is written if one of them is the smallest or largest that was tried, or if
    there are fewer base models than the plan of the other file requires.
    """
    from isogloss.config import Params, load_params, load_sweep
    from isogloss.config.experiment import with_base
    from isogloss.config.overrides import overridden
    from isogloss.config.reading import read_yaml, validated
    from isogloss.consoles import Table, console
    from isogloss.pipeline.repo.outputs import finished_runs, output_file
    from isogloss.studies import choice
    from isogloss.tables import atomic_path, read_json

    root, sweep = Path.cwd(), load_sweep(trials)
    methods = sweep.experiment.base.get("mitigation.methods", load_params().mitigation.methods)
    saved = finished_runs(sweep, root=root)
    tried = {run.name: run.overrides.get("mitigation.methods", methods) for run in sweep.runs}
    figures = {
        method: {
            name: read_json(output_file(run, f"results/asr/{method}/dev.json"))
            for name, run in saved.items()
            if method in tried[name]
        }
        for method in methods
    }
    chosen = choice.choose(sweep.runs, figures, margin=margin)
    table = Table()
    for heading in ("method", "chosen", "options", "base models", "WER on dev", "of the worst", ""):
        table.add_column(heading)
    for each in chosen:
        options = ", ".join(f"{key}={value:g}" for key, value in each.options.items())
        notes = [] if each.within else [f"no trial within {margin:.0%}"]
        notes += [f"{key} is at the edge of its grid" for key in each.edges]
        rates = f"{each.overall:.1%}", f"{each.worst:.1%}"
        table.add_row(each.method, each.setting, options, str(each.bases), *rates, "; ".join(notes))
    console().print(table)
    if into is not None:
        other, usual = load_sweep(into), load_params().mitigation.methods
        used = {method for run in other.runs for method in run.overrides.get("mitigation.methods", usual)}
        chosen = [each for each in chosen if each.method in used]
        choice.refuse_unsettled(chosen, other.experiment.plan, trials)
        trial = validated(
            overridden(read_yaml("params.yaml"), sweep.runs[0].overrides, where=trials), Params, where=trials
        )
        found = {key: value for each in chosen for key, value in each.options.items()}
        text = with_base(into, {**found, "mitigation.chosen": choice.records(chosen, trial)})
        with atomic_path(into) as temporary:
            temporary.write_text(text, encoding="utf-8")
        click.echo(into)
