"""Objects of DVC's cache and checkpoints that are damaged on purpose: cases of `faults.py`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from fault_clone import OUTPUTS, PATIENCE_SECONDS, Case, Clone
from ruamel.yaml import YAML


def objects() -> Iterator[Case]:
    """Objects of DVC's cache damaged as by a power failure (their protection and their times stay): 10."""
    for name in ("corpus", "corpus/a", "finetune.bin", "evaluate.bin", "report.html"):
        for how in ("eight flipped bytes", "cut"):
            yield Case(f"{name}: {how}", _damaged_object(name, how))


def _damaged_object(name: str, how: str) -> Callable[[Clone], str]:
    """Damage the object of an output that was made before, ask for it again, and look at the bytes."""

    def attempt(clone: Clone) -> str:
        clone.last_run()
        lock = json.loads(json.dumps(_lock(clone.root)))
        outs = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
        files = clone.root / ".dvc/cache/files/md5"
        path = _object(files, outs[name.partition("/")[0]])
        if "/" in name:
            listing = json.loads(path.read_text(encoding="utf-8"))
            path = _object(files, next(each["md5"] for each in listing if each["relpath"] == name.partition("/")[2]))
        content = path.read_bytes()
        damage(path, how)
        for output in OUTPUTS:
            (clone.root / output).unlink()
        (clone.root / "corpus").rmdir()
        status, printed, said = clone.run()
        if status != 0 or "is damaged in DVC's cache" not in printed + said:
            raise RuntimeError(f"nobody noticed ({status}): {said.strip()[-200:]}")
        if path.read_bytes() != content:
            raise RuntimeError("the object is still damaged")
        return f"named, and made anew; next run: {clone.last_run()}"

    return attempt


def damage(path: Path, how: str) -> None:
    """Flip bytes or cut a file, whose protection and time stay as they are."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    for place in range(0, min(len(content), 64), 8):
        content[place] ^= 0x15
    path.chmod(0o644)
    path.write_bytes(content if how != "cut" else path.read_bytes()[:-3])
    path.chmod(before.st_mode & 0o777)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _object(files: Path, md5: str) -> Path:
    """Where the cache has a hash."""
    return files / md5[:2] / md5[2:]


def _lock(root: Path) -> dict[str, dict[str, dict[str, list[dict[str, str]]]]]:
    """A dvc.lock."""
    content: dict[str, dict[str, dict[str, list[dict[str, str]]]]] = YAML(typ="safe").load(root / "dvc.lock")
    return content


def checkpoints() -> Iterator[Case]:
    """Checkpoints damaged between two runs of a training: 10."""
    for how in ("eight flipped bytes", "cut", "emptied", "a pickle", "random bytes"):
        for share in (0.2, 0.9):
            yield Case(f"{how} (at {share:.0%} of the file)", _damaged_checkpoint(how, share))


def _damaged_checkpoint(how: str, share: float) -> Callable[[Clone], str]:
    """Train in a process of its own that dies in its third epoch; damage what it left; train again."""

    def attempt(clone: Clone) -> str:
        code = Path(__file__).with_name("fault_training.py")
        undisturbed, died, again = (clone.root / name for name in ("undisturbed", "disturbed", "disturbed"))
        _train(code, undisturbed, dies=False)
        _train(code, died, dies=True)
        path = died / "checkpoints/last.ckpt"
        content = bytearray(path.read_bytes())
        place = int(share * len(content))
        if how == "eight flipped bytes":
            for offset in range(8):
                content[min(place + 3 * offset, len(content) - 1)] ^= 0x40
        made = {
            "cut": bytes(content[:place]),
            "emptied": b"",
            "a pickle": b"\x80\x04N.",
            "random bytes": os.urandom(place),
        }
        path.write_bytes(made.get(how, bytes(content)))
        said = _train(code, again, dies=False)
        if "is damaged" not in said or "it is not used" not in said:
            raise RuntimeError(f"nobody noticed: {said[-200:]}")
        if (undisturbed / "model.json").read_bytes() != (again / "model.json").read_bytes():
            raise RuntimeError("another model")
        return "said, and not used; the same model as undisturbed"

    return attempt


def _train(code: Path, folder: Path, *, dies: bool) -> str:
    """What the training of `fault_training.py` prints."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(code), str(folder), "dies" if dies else "lives"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    if (done.returncode != 0) != dies:
        raise RuntimeError(f"the training ended with {done.returncode}: {done.stderr[-300:]}")
    return done.stdout
