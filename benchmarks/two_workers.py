"""This repository's own pipeline on two workers, one of which is killed while it trains, beside a plain `dvc repro`.

    python benchmarks/two_workers.py        # the committed state, on the embedded corpus: half an hour on two cores

One host plays server, workers and coordinator (`hosts.py`), each in a clone of its own; all they share is a DVC remote
in another folder. In the middle of `train_asr` its worker gets SIGKILL; the other one trains anew, and the first comes
back for the rest. Then nothing may be left to do, neither for the coordinator nor in a clone that never ran anything.
Results: benchmarks/results/two_workers.md.
"""

import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from hosts import Site, started, until

from isogloss.config import load_params
from isogloss.corpus.frontend.audio_root import DATA_VARIABLE, data_folder
from isogloss.tables import atomic_path, write_json

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
KILLED_AT = 2
"""Epoch of train_asr."""


class SpeechSite(Site):
    """The committed state of this repository."""

    trained_by = b"python\0stages/train_asr.py"
    compared = ("metrics.json", "reports/fairness.html", "models/asr/base/model.safetensors")

    def make_coordinator(self, coordinator: Path) -> None:
        """A clone."""
        subprocess.run(["git", "clone", "-q", str(ROOT), str(coordinator)], check=True)

    def environment(self, port: int | None = None) -> dict[str, str]:
        """With where the recordings are."""
        return {**super().environment(port), DATA_VARIABLE: str(data_folder(ROOT).resolve())}

    def share_remote(self) -> None:
        """Tell every clone of the remote, as its user would."""
        for clone in ("coordinator", "worker-1", "worker-2", "other"):
            command = [sys.executable, "-m", "dvc", "remote", "add", "-q", "--local", "--default", "shared"]
            subprocess.run([*command, str(self.remote)], cwd=self.folder / clone, check=True, env=self.environment())


def run_pipeline(site: SpeechSite) -> dict[str, float | str]:
    """The run with its loss, and the two runs that have nothing to do; raises if anything is not as it should be."""
    begun = time.monotonic()
    run = site.run()
    asr = load_params(ROOT / "params.yaml").asr
    run.reach(f"epoch {KILLED_AT}/{asr.ctc_epochs + asr.transducer_epochs}", seconds=1800)
    number = site.trainer()
    process = site.running.pop(f"worker-{number}-gpu")
    process.kill()
    process.process.wait()
    run.reach("another one starts it anew", seconds=600)
    until(lambda: set(site.trainers().values()) == {3 - number}, 900, "the other worker trains")
    site.start_worker(number, "gpu")
    last = run.end(seconds=5400)
    found: dict[str, float | str] = {"run": last, "run_s": round(time.monotonic() - begun)}
    for worker in (1, 2):
        log = (site.folder / f"worker-{worker}-gpu.log").read_text(errors="replace")
        found[f"taken_by_{worker}"] = log.count("submitting flow run")
    if not (found["taken_by_1"] and found["taken_by_2"]):
        raise RuntimeError("one of the two gpu workers did nothing")
    begun = time.monotonic()
    site.equal_to_local()
    found["dvc_repro_s"] = round(time.monotonic() - begun)
    found["second_run"] = site.run().end()
    found["other_clone"] = site.run("other").end()
    if "Nothing to do" not in str(found["second_run"]) or "executed" in str(found["other_clone"]):
        raise RuntimeError(f"something was executed again: {found['second_run']} / {found['other_clone']}")
    return found


def main() -> None:
    """Run, print and write; ends with an error, and the ends of all logs, where something differs."""
    with tempfile.TemporaryDirectory(prefix="isogloss-two-workers-") as name:
        site = SpeechSite(Path(name))
        site.share_remote()
        with started(site):
            try:
                found = run_pipeline(site)
            except (RuntimeError, TimeoutError, subprocess.SubprocessError):
                site.show_logs()
                raise
    lines = [
        "# The pipeline on two workers",
        "",
        f"`python benchmarks/two_workers.py`, Python {platform.python_version()}, torch {torch.__version__}.",
        "",
        "| what | outcome |",
        "|---|---|",
        f"| the run, a worker killed in `train_asr` after epoch {KILLED_AT} | {found['run']} ({found['run_s']} s) |",
        f"| stages that the two workers for GPU stages took | {found['taken_by_1']} and {found['taken_by_2']} |",
        f"| beside a plain `dvc repro` ({found['dvc_repro_s']} s) | dvc.lock, {', '.join(site.compared)}: the same |",
        f"| the coordinator once more | {found['second_run']} |",
        f"| a clone that never ran anything | {found['other_clone']} |",
    ]
    with atomic_path(RESULTS / "two_workers.md") as path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(found, RESULTS / "two_workers.json")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
