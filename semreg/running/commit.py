"""The commit of semreg that a run is trained with, where semreg is used from a checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def commit_here(root: Path = ROOT) -> str | None:
    """The commit checked out at `root`, as git's own files say it; None where that is no checkout.

    Changes that are not committed do not show in it.
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
