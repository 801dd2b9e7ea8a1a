"""Memory, disk, leftovers: what a run says and does when a stage cannot go on."""

import pytest

from isogloss.errors import PipelineError
from isogloss.pipeline.host.leftovers import remove_leftovers

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own

ONE = "stages: {{one: {{cmd: python one.py, deps: [one.py], outs: [one.txt], meta: {{retries: {retries}}}}}}}\n"


def failure(new_toy, code, *, retries=0):
    """The sentence in which a run of a stage with this code ends, and how often the stage ran."""
    count = "import pathlib\nwith pathlib.Path('count').open('a') as f: f.write('x')\n"
    toy = new_toy(ONE.format(retries=retries), **{"one.py": count + code})
    with pytest.raises(PipelineError) as caught:
        toy.run()
    return str(caught.value), len(toy.read("count"))


def test_a_full_disk_is_named(new_toy):
    message, _ = failure(new_toy, "open('/dev/full', 'w', buffering=1).write('x' * 100 + '\\n')")
    assert message.startswith("stage one failed with exit code 1 (the disk is full); its output is in ")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit('isogloss: params.yaml: unknown key')", "with exit code 1: params.yaml: unknown key;"),
        ("print('isogloss: first'); raise ValueError('second')", "with exit code 1: first;"),
        ("raise ValueError('no such cohort.')", "with exit code 1: ValueError: no such cohort;"),
        ("sys.exit(4)", "with exit code 4;"),
        ("pass", ": output 'one.txt' does not exist;"),
    ],
)
def test_what_the_stage_said_itself_stands_in_the_last_sentence(new_toy, code, said):
    message, _ = failure(new_toy, f"import sys\n{code}")
    assert f"stage one failed{'' if said.startswith(':') else ' '}{said} its output is in" in message


@pytest.mark.parametrize(
    "code",
    [
        "raise RuntimeError('CUDA out of memory. Tried to allocate 20 GiB')",
        "import os; os.kill(os.getpid(), 9)",
        "raise MemoryError",
    ],
)
def test_where_memory_ran_out_nothing_is_tried_again(new_toy, code):
    message, runs = failure(new_toy, code, retries=3)
    assert "memory" in message
    assert runs == 1


def test_other_failures_are_tried_as_often_as_meta_says(new_toy, capsys):
    message, runs = failure(new_toy, "raise SystemExit(3)", retries=2)
    assert message.startswith("stage one failed with exit code 3; its output is in ")
    assert runs == 3
    assert "trying it again (2 of 2)" in capsys.readouterr().out


def test_temporaries_of_a_killed_stage_are_gone_at_its_next_start_and_no_others(tmp_path):
    mine = [".model.abc_12de.part", ".loss.tsv.123.part.tsv"]
    others = [".model.loss.tsv.77.part.tsv", ".models.abc.part", "model.abc.part", ".model.part", ".loss.tsv.x.parts"]
    for name in mine + others:
        (tmp_path / "models" / name).mkdir(parents=True) if "model." in name else (tmp_path / "models" / name).touch()
    remove_leftovers(tmp_path, ["models/model", "models/loss.tsv", "nowhere/x"])
    assert {path.name for path in (tmp_path / "models").iterdir()} == {*others}


def test_a_run_removes_them(diamond):
    diamond.write(".corpus.txt.4711.part.txt", "half")
    diamond.replace("params.yaml", "seed: 1", "seed: 2")
    diamond.run()
    assert not (diamond.root / ".corpus.txt.4711.part.txt").exists()
