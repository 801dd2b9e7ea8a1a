"""`isogloss params`: write values into params.yaml, checked before they are written."""

import json
from pathlib import Path
from typing import Any

import click

from isogloss.entry import entry
from isogloss.errors import ParamsError

PARAMS = Path("params.yaml")


@click.command(
    epilog="\b\nExample:\n  isogloss params params-recorded.yaml corpus.source=mine 'attribute.columns=[gender]'"
)
@click.argument("values", nargs=-1, required=True, metavar="FILE|KEY=VALUE...")
@entry
def params(values: tuple[str, ...]) -> None:
    """Write values into params.yaml: first those of a YAML FILE that holds some of its sections, then each KEY=VALUE.

    Comments and order are kept, and values that a run would refuse are not written. Where asr.checkpoint names a
    folder, its digest is written as asr.checkpoint_sha256.
    """
    from isogloss.config import Params, overridden_text
    from isogloss.config.overrides import flattened
    from isogloss.config.reading import parse_yaml, read_yaml, validated
    from isogloss.tables import atomic_path

    overrides: dict[str, Any] = {}
    for value in values:
        key, equals, written = value.partition("=")
        if equals:
            overrides[key] = parse_yaml(written, where=value)
        else:
            content = read_yaml(value)
            if not isinstance(content, dict):
                raise ParamsError(f"{value} holds no sections of params; write it like a part of {PARAMS}")
            overrides |= dict(flattened(content))
    before = read_yaml(PARAMS) or {}
    text = overridden_text(PARAMS.read_text(encoding="utf-8"), overrides, where=str(PARAMS))
    checked = validated(parse_yaml(text, where=str(PARAMS)), Params, where=str(PARAMS))
    if (digest := _digest(checked.asr.checkpoint)) is not None:
        text = overridden_text(text, {"asr.checkpoint_sha256": digest}, where=str(PARAMS))
    with atomic_path(PARAMS) as temporary:
        temporary.write_text(text, encoding="utf-8")
    old, new = (dict(flattened(content)) for content in (before, parse_yaml(text, where=str(PARAMS))))
    for key in [key for key in {**old, **new} if old.get(key) != new.get(key)]:
        click.echo(f"{key}: {_written(old.get(key))} -> {_written(new.get(key))}")


def _written(value: object) -> str:
    """A value in the spelling of params.yaml: null for None, true for True."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _digest(checkpoint: str | None) -> str | None:
    """The digest of a checkpoint that is a folder; None without one."""
    if checkpoint is None or "@" in checkpoint:
        return None
    from isogloss.recognizers.pretrained import checkpoint_digest, resolve_checkpoint

    return checkpoint_digest(resolve_checkpoint(checkpoint))
