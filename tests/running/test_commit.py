"""The commit of a checkout, as git's files say it, without git."""

from __future__ import annotations

from pathlib import Path

import pytest

from semreg.running.commit import commit_here


def test_the_commit_is_heads_own_or_that_of_its_branch_loose_or_packed(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("a1\n")
    assert commit_here(tmp_path) == "a1"
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert commit_here(tmp_path) is None
    (git / "packed-refs").write_text("# pack-refs with: peeled\nb2 refs/heads/main\n^c3\n")
    assert commit_here(tmp_path) == "b2"
    (git / "refs" / "heads" / "main").write_text("d4\n")
    assert commit_here(tmp_path) == "d4"


def test_a_further_work_tree_has_its_own_head_and_shared_branches(tmp_path: Path) -> None:
    own, shared = tmp_path / "git" / "worktrees" / "other", tmp_path / "git"
    own.mkdir(parents=True)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".git").write_text(f"gitdir: {own}\n")
    (own / "HEAD").write_text("ref: refs/heads/other\n")
    (own / "commondir").write_text("../..\n")
    (shared / "packed-refs").write_text("e5 refs/heads/other\n")
    assert commit_here(tmp_path / "tree") == "e5"


@pytest.mark.parametrize("content", [None, b"\xff", b"gitdir: nowhere"])
def test_what_is_no_checkout_has_no_commit(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / ".git").write_bytes(content)
    assert commit_here(tmp_path) is None
