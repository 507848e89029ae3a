"""Git is optional: without Git, or outside of a repository, the result is None."""

from shared.git import git


def test_an_answer_is_stripped(tmp_path):
    assert git(tmp_path, "init", "--quiet") == ""
    assert git(tmp_path, "rev-parse", "--is-inside-work-tree") == "true"


def test_no_answer_outside_a_repository(tmp_path):
    assert git(tmp_path, "rev-parse", "HEAD") is None


def test_no_answer_where_git_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git(tmp_path, "--version") is None
