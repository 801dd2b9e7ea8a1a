"""`isogloss audit`: which cohorts a recogniser fails, from its transcripts alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isogloss.entry import entry
from isogloss.errors import ParamsError

if TYPE_CHECKING:
    from isogloss.judging import Document

FILE = click.Path(path_type=Path)
_FILES = ("ref", "after", "after_hyp", "utt2spk", "attributes", "zips", "embeddings")
"""Options that name files, apart from TABLE and --hyp."""
_OF_VERIFIERS = {
    *("trials", "scores", "speakers", "speaker_pattern", "by", "name", "after_name"),
    *("min_speakers", "min_inference", "seed", "out"),
}
"""The options that go with --trials."""


def _utf8(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Refuse a name that is not valid UTF-8: Python represents such bytes of the command line as surrogates."""
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        raise click.BadParameter("it is not UTF-8; give another name") from None
    return text


@click.command(
    epilog="\b\nExample:\n  isogloss audit results.csv --by gender --normalise lower,punctuation --out audit"
)
@click.argument("table", type=FILE, required=False)
@click.option("--after", type=FILE, help="The same utterances with the hypotheses of a second system.")
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN",
    help="Compare the values of this column; A+B for intersections. Repeatable.",
)
@click.option(
    "--discover",
    multiple=True,
    metavar="RULE",
    help="Find cohorts by this rule: geographic, attribute, ... Repeatable.",
)
@click.option(
    "--within", multiple=True, metavar="COLUMN", help="Compare also within the values of this column. Repeatable."
)
@click.option("--adjust", multiple=True, metavar="COLUMN", help="Compare also adjusted for this column. Repeatable.")
@click.option("--out", type=FILE, help="Folder for fairness.json, cohorts.parquet and audit.html.")
@click.option(
    "--min-speakers",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Cohorts with fewer speakers are merged or hidden.",
)
@click.option(
    "--min-inference",
    type=click.IntRange(min=3),
    default=20,
    show_default=True,
    help="Cohorts with fewer speakers get no intervals; below 20 the intervals are too narrow.",
)
@click.option(
    "--normalise",
    default="none",
    show_default=True,
    metavar="STEPS",
    help="Steps of text normalisation, separated by commas: none, basic, english, nfkc, lower, brackets, punctuation, "
    "apostrophes, fillers.",
)
@click.option(
    "--unit",
    type=click.Choice(["word", "char"]),
    default="word",
    show_default=True,
    help="Unit in which errors are counted.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Use column THEIRS as OURS, as in ref=transcript. Repeatable.",
)
@click.option("--separator", metavar="CHAR", help="Separator of CSV files, such as ';' or tab.  [default: detected]")
@click.option("--name", callback=_utf8, help="Name of the system.  [default: before; for a single verifier: verifier]")
@click.option("--after-name", default="after", show_default=True, callback=_utf8, help="Name of the second system.")
@click.option("--attributes", type=FILE, help="Table of further columns, joined by utterance_id or speaker_id.")
@click.option(
    "--divisions",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Repeat --discover on this many random divisions of the speakers and say how often its finding holds.",
)
@click.option("--zips", type=FILE, help="Table of the demography of ZIP codes, for --discover geodemographic.")
@click.option("--embeddings", type=FILE, help="Parquet file with utterance_id and vector, for --discover automatic.")
@click.option("--ref", type=FILE, help="File of references, instead of TABLE: Kaldi's text, .trn or .stm.")
@click.option(
    "--hyp",
    multiple=True,
    metavar="FILE|NAME=COLUMN",
    help="File of hypotheses for --ref; or name and column of a system in TABLE. Repeatable.",
)
@click.option(
    "--system-column",
    metavar="COLUMN",
    help="Column that names the system, if TABLE has a row for each utterance and system.",
)
@click.option("--after-hyp", type=FILE, help="File of the second system's hypotheses for --ref.")
@click.option("--utt2spk", type=FILE, help="File of speakers in Kaldi's format, for --ref.")
@click.option(
    "--speaker-pattern",
    metavar="REGEX",
    help="Take the speaker from the utterance id by a pattern such as '^([^-]+)-'.",
)
@click.option(
    "--missing-as-deletions", is_flag=True, help="Count the words of utterances without a hypothesis as deleted."
)
@click.option(
    "--speakers-unknown", is_flag=True, help="Speakers are not known: report figures without intervals or tests."
)
@click.option(
    "--allow-empty", is_flag=True, help="Keep rows with an empty reference; their hypotheses count as insertions."
)
@click.option(
    "--max-cohorts",
    type=click.IntRange(min=2),
    default=10,
    show_default=True,
    help="Largest number of cohorts that a rule may find.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=1,
    show_default=True,
    help="Seed of the random halves, draws and permutations.",
)
@click.option("--trials", type=FILE, help="Scores of a speaker verifier, instead of TABLE: enrol_id, test_id, score.")
@click.option(
    "--scores", type=FILE, help="File of scores for --trials without scores: enrol, test and score on each line."
)
@click.option("--speakers", type=FILE, help="With --trials: utterance_id, speaker_id and columns for --by.")
@entry
def audit(
    columns: tuple[str, ...],
    normalise: str,
    unit: str,
    hyp: tuple[str, ...],
    separator: str | None,
    out: Path | None,
    seed: int,
    min_inference: int,
    **options: Any,
) -> None:
    """Show which cohorts of speakers a recogniser fails, with confidence intervals over speakers.

    TABLE has one row per utterance (CSV, TSV, JSON, JSONL, parquet, xlsx; .gz too; NeMo manifests as they are) with the
    columns ref, hyp and speaker_id, and for --after also utterance_id. Instead of texts it may have counts (words, and
    errors or substitutions, deletions, insertions) per utterance or per speaker. Further columns define cohorts. If the
    input does not fit, the command says why in one sentence, writes nothing and exits with code 2.
    """
    from isogloss.cli.auditing import audit_utterances
    from isogloss.cli.given import column_mapping
    from isogloss.cli.origin import origin
    from isogloss.config import StatisticsParams
    from isogloss.io.normalise import parse_steps
    from isogloss.io.separated import parse_separator
    from isogloss.judging.intake import Request
    from isogloss.report.folder import check_folder
    from isogloss.report.terminal import plain

    trials, speakers, scores = (options.pop(name) for name in ("trials", "speakers", "scores"))
    if trials is not None or speakers is not None:
        _refuse_others()
        more = {"hyp": hyp, "min_inference": min_inference, "scores": scores}
        _audit_verifier(trials, speakers, out, seed, {**options, **more})
        return
    if scores is not None:
        raise ParamsError("--scores goes with --trials; add it, or leave --scores out")
    _refuse_ignored(hyp, options)
    options["name"] = options["name"] or "before"
    request = Request(
        columns=column_mapping(columns),
        normalise=parse_steps(normalise if unit == "word" else f"{normalise},characters".removeprefix("none,")),
        **_hypotheses(hyp, options["table"]),
        separator=None if separator is None else parse_separator(separator),
        statistics=StatisticsParams(seed=seed, min_speakers=min_inference),
        **options,
    )
    if out is not None:
        check_folder(out)
    result = audit_utterances(request)
    for warning in result.warnings:
        click.echo(f"isogloss: warning: {plain(warning)}", err=True)
    notes = []
    if result.candidates:
        notes = [f"columns that could tell cohorts apart (--by): {', '.join(result.candidates)}"]
    files = {"TABLE": options["table"], "--hyp": request.hyp}
    files |= {f"--{name.replace('_', '-')}": options[name] for name in _FILES}
    _show(result.document.model_copy(update={"origin": origin(files)}), out, notes)


def _refuse_ignored(hyp: tuple[str, ...], options: dict[str, Any]) -> None:
    """Raise if an option is given that would change nothing beside the others."""
    from isogloss.cli.given import refuse_useless

    refuse_useless("max_cohorts", without=["discover"], why="is of the cohorts that --discover finds")
    refuse_useless("after_name", without=["after", "after_hyp"], why="names the system of --after or --after-hyp")
    if options["name"] and (options["system_column"] or (hyp and options["table"] is not None)):
        raise ParamsError(
            "--name does not go with --system-column or --hyp NAME=COLUMN, which name systems; choose one"
        )


def _refuse_others() -> None:
    """Raise if an option is given that is not of speaker verifiers."""
    from isogloss.cli.given import given

    for name, option in given().items():
        if name not in _OF_VERIFIERS:
            raise ParamsError(
                f"--trials does not go with {option.upper() if name == 'table' else option}; leave it out"
            )


def _audit_verifier(
    trials: Path | None, speakers: Path | None, out: Path | None, seed: int, options: dict[str, Any]
) -> None:
    """Show which cohorts a speaker verifier fails."""
    from isogloss.cli.auditing import audit_trials
    from isogloss.cli.origin import origin
    from isogloss.config import StatisticsParams
    from isogloss.report.folder import check_folder

    if trials is None or speakers is None:
        raise ParamsError("--trials and --speakers go together: scores, and who spoke; add the other")
    if out is not None:
        check_folder(out)
    document = audit_trials(
        trials,
        speakers,
        by=list(dict.fromkeys(options["by"])),
        statistics=StatisticsParams(seed=seed, min_speakers=options["min_inference"]),
        min_speakers=options["min_speakers"],
        names=(options["name"], options["after_name"]),
        scores=options["scores"],
        pattern=options["speaker_pattern"],
    )
    found = origin({"--trials": trials, "--scores": options["scores"], "--speakers": speakers})
    _show(document.model_copy(update={"origin": found}), out, [])


def _show(document: "Document", out: Path | None, notes: list[str]) -> None:
    """Write the document to the folder `out`, if there is one, and print it with some notes below it."""
    from isogloss.consoles import console
    from isogloss.report.folder import PAGE, write_folder
    from isogloss.report.terminal import plain, show

    if out is not None:
        write_folder(document, out)
        notes = [*notes, f"{out / PAGE} shows all of it"]
    on = console()
    show(document, on)
    for sentence in notes:
        on.print(plain(sentence))


def _hypotheses(hyp: tuple[str, ...], table: Path | None) -> dict[str, Any]:
    """The `--hyp` options: systems and their columns if there is a TABLE, else one file that goes with `--ref`."""
    from isogloss.cli.given import pair

    if table is not None:
        wanted = "NAME=COLUMN, such as large=hyp_large; a file of hypotheses goes with --ref"
        return {"hypotheses": tuple(pair(option, "--hyp", wanted) for option in hyp)}
    if len(hyp) > 1:
        raise ParamsError("--hyp names several files; the second system's is named by --after-hyp")
    return {"hyp": Path(hyp[0]) if hyp else None}
