"""The tag of a pushed image."""

import re
import subprocess

from scripts.aws import push


def test_a_tag_names_the_commit_and_marks_what_differs_from_it(tmp_path, monkeypatch):
    monkeypatch.setattr(push, "ROOT", tmp_path)

    def git(*arguments):
        command = ["git", "-c", "user.name=me", "-c", "user.email=me@example.com", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert re.fullmatch(r"\d{8}T\d{6}-no-git", push.new_tag())
    git("init")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "first")
    commit = git("rev-parse", "--short", "HEAD")
    assert re.fullmatch(rf"\d{{8}}T\d{{6}}-{commit}", push.new_tag())
    (tmp_path / "file").write_text("2")
    assert re.fullmatch(rf"\d{{8}}T\d{{6}}-{commit}-dirty", push.new_tag())
