"""`isogloss transcribe`: transcribe recordings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isogloss.entry import entry
from isogloss.errors import ParamsError

if TYPE_CHECKING:
    from isogloss.inference.hearing import Hearing

BASE, TURNS = "models/asr/base", "models/multitalker/sts"
EXAMPLES = (
    "\b\nExamples:\n"
    "  isogloss transcribe recordings.csv --model whisper --checkpoint whisper-tiny.en --out heard.jsonl\n"
    "  isogloss transcribe --stream command.wav --model models/asr/ewc\n"
    "  isogloss transcribe --turns conversation.wav"
)
PRETRAINED = ("whisper", "ctc")
FILE = click.Path(path_type=Path)


@click.command(epilog=EXAMPLES)
@click.argument("table", required=False, type=FILE)
@click.option(
    "--stream",
    "recording",
    metavar="FILE",
    type=FILE,
    help="Instead of TABLE: a recording (WAV, FLAC, OGG; any sampling rate; channels are averaged) that is recognised "
    "as a stream, with partial results.",
)
@click.option(
    "--turns",
    "conversation",
    metavar="FILE",
    type=FILE,
    help="Instead of TABLE: a conversation with overlapping speech, recognised as a stream; shows turns with times.",
)
@click.option(
    "--model",
    metavar="FOLDER|KIND",
    help="Folder of a recogniser that a stage wrote; or whisper or ctc, with --checkpoint; or an onnx-asr model type.  "
    f"[default: {BASE}; with --turns {TURNS}]",
)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="Folder of a pretrained model in the backend's format."
)
@click.option(
    "--backend",
    type=click.Choice(["torch", "faster-whisper", "onnx-asr"]),
    default="torch",
    show_default=True,
    help="Library that runs the model: faster-whisper takes a CTranslate2 conversion, onnx-asr a folder of ONNX files.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="JSONL file to write.  [default: TABLE's name with .hyp.jsonl]"
)
@click.option("--audio", metavar="COLUMN", default="audio", show_default=True, help="Column of audio paths.")
@click.option(
    "--root", type=click.Path(path_type=Path), help="Folder that audio paths are relative to.  [default: TABLE's]"
)
@click.option("--start", metavar="COLUMN", help="Column of the utterance's start in its audio.  [default: start at 0]")
@click.option("--duration", metavar="COLUMN", help="Column of durations.  [default: to the end of the audio]")
@click.option(
    "--unit",
    type=click.Choice(["seconds", "samples"]),
    default="seconds",
    show_default=True,
    help="Unit of start and duration.",
)
@click.option("--language", help="Language code for a multilingual Whisper, such as en.")
@click.option("--beam", type=click.IntRange(min=1), help="Width of the beam search.  [default: greedy search]")
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True, help="CPU threads.")
@entry
def transcribe(
    table: Path | None,
    recording: Path | None,
    conversation: Path | None,
    model: str | None,
    threads: int,
    **options: object,
) -> None:
    """Transcribe the recordings of TABLE (CSV, TSV, JSON, JSONL, parquet, xlsx; a row an utterance) into a JSONL file.

    Each line has the cells of its row and `hyp`, ready for `isogloss audit`. To continue an interrupted run, give the
    same command again.

    With --stream, each printed line is the time in the recording and the words so far; `...` means that more may
    follow. Printed words are never revised. The last line is the transcript of the whole recording. With --turns, a
    line also has the number of the output channel and, if the turn has ended, its start and end.
    """
    if sum(each is not None for each in (table, recording, conversation)) != 1:
        raise ParamsError("name a TABLE of recordings, or one recording with --stream, or a conversation with --turns")
    from isogloss.determinism import compute_repeatably

    compute_repeatably(threads if table is not None else 1)
    if recording is not None:
        _show_words(recording, Path(model or BASE))
    elif conversation is not None:
        _show_turns(conversation, Path(model or TURNS))
    elif table is not None:
        _transcribe(table, model=model or BASE, threads=threads, **options)  # type: ignore[arg-type]


def _show_words(recording: Path, model: Path) -> None:
    """Print the words of one recording as they are recognised."""
    from isogloss.config import DecodingParams
    from isogloss.inference.stream import stream_file
    from isogloss.recognizers import load_recognizer

    shown = ""
    for seconds, partial in stream_file(load_recognizer(model), recording, decoding=DecodingParams()):
        if partial.is_final:
            click.echo(f"{seconds:6.1f} s  {partial.text or '(no words)'}")
        elif partial.text != shown:
            shown = partial.text
            click.echo(f"{seconds:6.1f} s  {shown} ...")


def _show_turns(conversation: Path, model: Path) -> None:
    """Print the turns of a conversation as they are recognised."""
    from isogloss.inference.conversations import stream_turns
    from isogloss.recognizers.multitalker.recognizer import MultitalkerRecognizer

    shown: dict[tuple[int, float], str] = {}
    heard: list[Any] = []
    for seconds, heard in stream_turns(MultitalkerRecognizer.load(model), conversation):
        for turn in heard:
            ended = "" if turn.end is None else f"  ({turn.start:.1f} to {turn.end:.1f} s)"
            line = f"[{turn.channel + 1}] {turn.text}{ended or ' ...'}"
            if shown.get((turn.channel, turn.start)) != line:
                shown[turn.channel, turn.start] = line
                click.echo(f"{seconds:6.1f} s  {line}")
    if not heard:
        click.echo("(no words)")


def _transcribe(
    table: Path,
    *,
    model: str,
    checkpoint: Path | None,
    backend: str,
    out: Path | None,
    audio: str,
    root: Path | None,
    start: str | None,
    duration: str | None,
    unit: str,
    language: str | None,
    beam: int | None,
    threads: int,
) -> None:
    """Write the hypotheses of a table, with a progress bar on a terminal."""
    from rich.progress import Progress

    from isogloss.consoles import console
    from isogloss.inference.recordings import AudioColumns, read_recordings
    from isogloss.inference.transcribe_table import folder_digest, refuse_longer, transcribe_rows
    from isogloss.io.source import checksum

    columns = AudioColumns(audio=audio, start=start, duration=duration, unit=unit)  # type: ignore[arg-type]
    rows = read_recordings(table, columns, root=root)
    hear, folder, window_s = _hearing(model, checkpoint, backend, language=language, beam=beam, threads=threads)
    if window_s is not None:
        refuse_longer(rows, window_s)
    out = Path(f"{table.name.split('.')[0]}.hyp.jsonl") if out is None else out
    made_by = {
        "table": checksum(table),
        "model": folder_digest(folder),
        "options": f"{backend}, {model}, {columns}, language {language}, beam {beam}",
    }
    on = console(stderr=True)
    with Progress(console=on, disable=not on.is_terminal) as progress:
        bar = progress.add_task("utterances", total=len(rows))
        for done in transcribe_rows(rows, hear, out, made_by=made_by):
            progress.update(bar, completed=done)
    click.echo(f"{out}: {len(rows)} utterances with their hypotheses in column hyp")


def _hearing(
    model: str, checkpoint: Path | None, backend: str, *, language: str | None, beam: int | None, threads: int
) -> "tuple[Hearing, Path, float | None]":
    """The function that transcribes, the folder of its model, and the longest utterance in seconds that it accepts."""
    from isogloss.config import DecodingParams
    from isogloss.inference import hearing
    from isogloss.recognizers import load_recognizer

    decoding = DecodingParams() if beam is None else DecodingParams(method="beam", beam=beam)
    if backend == "torch" and model not in PRETRAINED:
        recognizer, folder = load_recognizer(Path(model)), Path(model)
        return hearing.torch_hearing(recognizer, decoding=decoding), folder, getattr(recognizer, "window_seconds", None)
    if checkpoint is None:
        raise ParamsError(f"--model {model} with --backend {backend} needs --checkpoint, the folder of the model")
    if backend == "faster-whisper":
        made = hearing.faster_whisper_hearing(checkpoint, decoding=decoding, language=language, threads=threads)
        return made, checkpoint, None
    if backend == "onnx-asr":
        return hearing.onnx_hearing(model, checkpoint, threads=threads), checkpoint, None
    recognizer, folder = hearing.pretrained_recognizer(model, checkpoint, language=language)
    return hearing.torch_hearing(recognizer, decoding=decoding), folder, getattr(recognizer, "window_seconds", None)
