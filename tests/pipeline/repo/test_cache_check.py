"""A damaged object of DVC's cache is not restored: it is named, and its stage runs again."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own

FOLDER = """
stages:
  make:
    cmd: mkdir made && cp words.txt made/a && cat words.txt words.txt > made/b
    deps: [words.txt]
    params: [corpus.seed]
    outs: [made]
    metrics: []
"""


HOW = ("altered", "truncated", "emptied")


def objects(toy):
    return [path for path in (toy.root / ".dvc/cache/files/md5").rglob("*") if path.is_file()]


def damage(path: Path, how: str) -> None:
    """What a power failure leaves: the protection stays, and so does the time of the file."""
    before = path.stat()
    path.chmod(0o644)
    content = path.read_bytes()
    flipped = bytes([content[0] ^ 1]) + content[1:]
    path.write_bytes({"altered": flipped, "truncated": content[:-1], "emptied": b""}[how])
    path.chmod(0o444)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def content_of(toy, *paths):
    return [toy.read(path) for path in paths]


def test_a_damaged_result_is_named_and_made_anew(diamond, capsys):
    """One run for all kinds of damage, each to another object."""
    outputs = ["corpus.txt", "ewc.txt", "finetune.txt", "report.txt"]
    right = content_of(diamond, *outputs)
    kinds = {diamond.read(name): how for name, how in zip(outputs, [*HOW, HOW[0]], strict=True)}
    for path in objects(diamond):
        damage(path, kinds[path.read_text()])
    for name in outputs:
        (diamond.root / name).unlink()
    states = {outcome.stage: outcome.state for outcome in diamond.run()}
    assert content_of(diamond, *outputs) == right
    assert set(states.values()) == {"executed"}
    printed = capsys.readouterr().out
    assert all(f"{name} is damaged in DVC's cache (" in printed for name in outputs)
    for name in outputs:
        (diamond.root / name).unlink()
    assert {outcome.state for outcome in diamond.run()} == {"cached"}  # the objects made anew are whole
    assert content_of(diamond, *outputs) == right


def test_a_file_of_a_folder_is_compared_too(new_toy, capsys):
    toy = new_toy(FOLDER)
    toy.run()
    right = content_of(toy, "made/a", "made/b")
    for path in objects(toy):
        if path.read_text() == right[1]:
            damage(path, "altered")
    toy.replace("params.yaml", "seed: 1", "seed: 2")
    toy.run()  # executed: the object of the same content is there, and not trusted
    assert "made/b is damaged in DVC's cache (altered" in capsys.readouterr().out
    toy.replace("params.yaml", "seed: 2", "seed: 1")
    for name in ("a", "b"):
        (toy.root / "made" / name).unlink()
    (toy.root / "made").rmdir()
    assert [outcome.state for outcome in toy.run()] == ["cached"]
    assert content_of(toy, "made/a", "made/b") == right


def test_sizes_alone_can_be_compared(diamond, monkeypatch, capsys):
    monkeypatch.setenv("ISOGLOSS_CACHE_CHECK", "size")
    (diamond.root / "report.txt").unlink()
    report = next(path for path in objects(diamond) if b"strength" in path.read_bytes() and path.stat().st_size > 40)
    damage(report, "truncated")
    diamond.run()
    assert "bytes instead of" in capsys.readouterr().out
