"""Few collections while modules are imported, the usual ones afterwards, and an end without one."""

import gc
import subprocess
import sys

import pytest

from isogloss.garbage import collect_as_usual, while_importing


def test_after_the_imports_collections_are_as_usual():
    collect_as_usual()
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), while_importing():
        assert gc.get_threshold()[0] > 100 * before[0]
        _ = 1 / 0
    assert gc.get_threshold() == before


def test_a_stage_imports_with_few_collections_and_works_with_the_usual_ones():
    code = (
        "import gc; usual = gc.get_threshold(); seen = []\n"
        "from isogloss.entry import entry; seen.append(gc.get_threshold() == usual)\n"
        "@entry\ndef main(): seen.append(gc.get_threshold() == usual)\n"
        "main(); print(seen)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[False, True]"


def test_the_end_of_the_process_collects_nothing_but_what_was_registered_runs():
    code = (
        "import atexit, gc\n"
        "atexit.register(lambda: print('before the end', gc.get_freeze_count() > 0))\n"
        "from isogloss.garbage import collect_rarely; collect_rarely()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "before the end True"
