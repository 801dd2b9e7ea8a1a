"""A corpus' root is found on every machine, and written so that it can be."""

import pytest

from isogloss.corpus.frontend.audio_root import portable_root, resolve_root
from isogloss.errors import CorpusError


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.delenv("ISOGLOSS_DATA", raising=False)
    for folder in ("repository/speech", "shared/data/corpus", "elsewhere/corpus"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path / "repository"


@pytest.mark.parametrize("root", ["$ISOGLOSS_DATA/corpus", "${ISOGLOSS_DATA}/corpus"])
def test_the_variable_means_the_environment_s_folder_or_else_shared_data(repository, tmp_path, monkeypatch, root):
    default = resolve_root(root, repository)
    assert default.resolve() == tmp_path / "shared/data/corpus"
    monkeypatch.setenv("ISOGLOSS_DATA", "")
    assert resolve_root(root, repository) == default
    monkeypatch.setenv("ISOGLOSS_DATA", str(tmp_path / "elsewhere"))
    assert resolve_root(root, repository) == tmp_path / "elsewhere/corpus"
    monkeypatch.setenv("ISOGLOSS_DATA", "../elsewhere")
    assert resolve_root(root, repository).resolve() == tmp_path / "elsewhere/corpus"


def test_other_roots_are_relative_to_the_repository_or_absolute(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    assert resolve_root("speech", repository) == repository / "speech"
    assert resolve_root(".", repository) == repository
    assert resolve_root(str(tmp_path / "elsewhere"), repository) == tmp_path / "elsewhere"
    assert resolve_root("~/corpus", repository) == tmp_path / "elsewhere/corpus"


@pytest.mark.parametrize(
    ("root", "sentence"),
    [
        ("$ISOGLOSS_DATA/none", r"root '\$ISOGLOSS_DATA/none' is .*none, which is no folder; set \$ISOGLOSS_DATA"),
        ("none", "root 'none' is .*none, which is no folder; correct root"),
        ("$OTHER/x", r"root '\$OTHER/x' names an unknown variable"),
        ("$ISOGLOSS_DATABASE/x", "names an unknown variable"),
    ],
)
def test_a_root_that_is_not_there_is_one_sentence(repository, root, sentence):
    with pytest.raises(CorpusError, match=sentence):
        resolve_root(root, repository)


def test_a_folder_is_written_as_other_machines_can_read_it(repository, tmp_path):
    assert portable_root(repository / "speech", repository) == "speech"
    assert portable_root(repository, repository) == "."
    assert portable_root(tmp_path / "shared/data/corpus", repository) == "$ISOGLOSS_DATA/corpus"
    assert portable_root(tmp_path / "shared/data", repository) == "$ISOGLOSS_DATA"
    assert portable_root(tmp_path / "elsewhere", repository) == str(tmp_path / "elsewhere")
    for folder in ("repository/speech", "shared/data/corpus", "elsewhere"):
        assert resolve_root(portable_root(tmp_path / folder, repository), repository).resolve() == tmp_path / folder
