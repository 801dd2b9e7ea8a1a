"""`isogloss transcribe`: the transcript of a recording."""

from pathlib import Path

import click

from isogloss.entry import entry
from isogloss.errors import ParamsError

BASE, TURNS = Path("models/asr/base"), Path("models/multitalker/sts")
FILE = click.Path(path_type=Path)


@click.command(
    epilog="\b\nExample:\n  isogloss transcribe --stream command.wav --model models/asr/ewc\n"
    "  isogloss transcribe --turns conversation.wav"
)
@click.option(
    "--stream",
    "recording",
    metavar="FILE",
    type=FILE,
    help="A recording (WAV, FLAC, OGG; any sampling rate; channels are averaged), recognised as if it were arriving.",
)
@click.option(
    "--turns",
    "conversation",
    metavar="FILE",
    type=FILE,
    help="A conversation in which two may speak at once, likewise; its turns are shown with their times.",
)
@click.option(
    "--model",
    metavar="FOLDER",
    type=FILE,
    help=f"Folder of a recogniser; by default {BASE.as_posix()}, of --turns {TURNS.as_posix()}.",
)
@entry
def transcribe(recording: Path | None, conversation: Path | None, model: Path | None) -> None:
    """Transcribe a recording, with partial results as they come.

    Each line is the time in the recording and the words so far; `...` marks those that may go on. Words are never taken
    back. With --stream the last line is what the recogniser says of the whole recording. With --turns a line also has
    the number of the output channel, and a turn that has ended its start and end.
    """
    from isogloss.determinism import compute_repeatably

    if (recording is None) == (conversation is None):
        raise ParamsError("name one recording: --stream FILE for a single speaker, or --turns FILE for a conversation")
    compute_repeatably(1)
    if conversation is not None:
        _show_turns(conversation, model or TURNS)
    elif recording is not None:
        _show_words(recording, model or BASE)


def _show_words(recording: Path, model: Path) -> None:
    """The words of one speaker."""
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
    """The turns of a conversation."""
    from isogloss.inference.conversations import stream_turns
    from isogloss.recognizers.multitalker.recognizer import MultitalkerRecognizer

    shown: dict[tuple[int, float], str] = {}
    heard = []
    for seconds, heard in stream_turns(MultitalkerRecognizer.load(model), conversation):
        for turn in heard:
            ended = "" if turn.end is None else f"  ({turn.start:.1f} to {turn.end:.1f} s)"
            line = f"[{turn.channel + 1}] {turn.text}{ended or ' ...'}"
            if shown.get((turn.channel, turn.start)) != line:
                shown[turn.channel, turn.start] = line
                click.echo(f"{seconds:6.1f} s  {line}")
    if not heard:
        click.echo("(no words)")
