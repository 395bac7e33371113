"""The commit of semreg that trains a run, if semreg is used from a checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def commit_here(root: Path = ROOT) -> str | None:
    """Return the commit checked out at `root`, from git's files; None if that is not a checkout.

    It ignores uncommitted changes.
    """
    try:
        git = root / ".git"
        if git.is_file():  # of a further work tree: it names where its own files are
            git = root / git.read_text().removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head
        reference = head.removeprefix("ref:").strip()
        shared = git / "commondir"
        for folder in (git, git / shared.read_text().strip() if shared.is_file() else git):
            if (folder / reference).is_file():
                return (folder / reference).read_text().strip()
            if (folder / "packed-refs").is_file():
                lines = (line.split(" ") for line in (folder / "packed-refs").read_text().splitlines())
                packed = {parts[1]: parts[0] for parts in lines if len(parts) == 2}
                if reference in packed:
                    return packed[reference]
    except (OSError, ValueError):
        pass
    return None
