"""What all tests need."""

import pytest


@pytest.fixture(autouse=True)
def _a_host_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the cores of what else runs on this host, nor takes them from it."""
    monkeypatch.setenv("ISOGLOSS_LOCKS", str(tmp_path_factory.mktemp("locks")))
