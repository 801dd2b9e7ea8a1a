"""`isogloss transcribe`: the transcript of a recording."""

from pathlib import Path

import click

from isogloss.entry import entry


@click.command(epilog="\b\nExample:\n  isogloss transcribe --stream command.wav --model models/asr/ewc")
@click.option(
    "--stream",
    "recording",
    metavar="FILE",
    type=click.Path(path_type=Path),
    required=True,
    help="A recording (WAV, FLAC, OGG; any sampling rate; channels are averaged), recognised as if it were arriving.",
)
@click.option(
    "--model",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=Path("models/asr/base"),
    show_default=True,
    help="Folder of a recogniser, such as models/asr/base.",
)
@entry
def transcribe(recording: Path, model: Path) -> None:
    """Transcribe a recording, with partial results as they come.

    Each line is the time in the recording and the words so far; `...` marks those that may go on. Words are never taken
    back. The last line is what the recogniser says of the whole recording.
    """
    from isogloss.config import DecodingParams
    from isogloss.determinism import compute_repeatably
    from isogloss.inference.stream import stream_file
    from isogloss.recognizers import load_recognizer

    compute_repeatably(1)
    shown = ""
    for seconds, partial in stream_file(load_recognizer(model), recording, decoding=DecodingParams()):
        if partial.is_final:
            click.echo(f"{seconds:6.1f} s  {partial.text or '(no words)'}")
        elif partial.text != shown:
            shown = partial.text
            click.echo(f"{seconds:6.1f} s  {shown} ...")
