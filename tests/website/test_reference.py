"""The reference's pages: public names with signatures and docstrings, commands, events of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from website.tree import ROOT

griffe = pytest.importorskip("griffe", reason="semreg[docs] is not installed")

from website.reference import entry, text_of, wrapped, write_reference  # noqa: E402

MADE = '''
class Thing:
    """A thing.

    It is small.
    """

    size: int = 3
    """How large."""

    def __init__(self, size: int = 3) -> None: ...

    def grow(self, by: int) -> int:
        """Grow.

        Args:
            by: how much,
                in metres.

        It is fast.
        """
'''


@pytest.fixture
def module(tmp_path: Path) -> object:
    (tmp_path / "made.py").write_text(MADE)
    return griffe.load("made", search_paths=[str(tmp_path)])


def test_a_class_has_its_members(module: dict[str, object]) -> None:
    text = "".join(entry(module["Thing"], "Thing", "##"))
    assert "## `Thing`\n\n```python\nclass Thing(size: int = 3)\n```\n\nA thing.\n\nIt is small.\n" in text
    assert "* `size: int`: How large.\n" in text
    assert "### `Thing.grow`\n\n```python\nThing.grow(by: int) -> int\n```" in text
    assert "**Arguments**\n\n* `by`: how much, in metres.\n" in text
    assert text_of(module["Thing"]["grow"]).endswith("It is fast.\n")  # type: ignore[index]


def test_a_long_signature_has_a_line_for_each_parameter() -> None:
    long = "f(a: dict[str, int] = {}, *, b: int = 1" + "0" * 80 + ") -> dict[str, int]"
    assert wrapped(long).splitlines() == [
        "f(", "    a: dict[str, int] = {},", "    *,", "    b: int = 1" + "0" * 80 + ",", ") -> dict[str, int]",
    ]  # fmt: skip
    assert wrapped("f(a) -> int") == "f(a) -> int"


@pytest.mark.slow
def test_every_public_name_command_and_event_is_told(tmp_path: Path) -> None:
    import semreg
    from semreg.core import hookspecs

    write_reference(tmp_path)
    python = (tmp_path / "python" / "semreg.md").read_text()
    assert [name for name in semreg.__all__ if f"\n## `{name}`\n" not in python] == ["__version__"]
    commands = (tmp_path / "commands.md").read_text()
    for told in ("## semreg run\n", "## semreg edit\n", "### semreg runs rm\n", "`--set KEY=VALUE`", "`--add"):
        assert told in commands
    hooks = (tmp_path / "hooks.md").read_text()
    source = Path(hookspecs.__file__).read_text()
    events = [part.split("(")[0] for part in source.split("@hookspec\ndef ")[1:]]
    assert len(events) > 5
    assert [name for name in events if f"### `{name}`" not in hooks] == []
    nav = (ROOT / "website" / "zensical.toml").read_text()
    assert [path.name for path in (tmp_path / "python").iterdir() if f"python/{path.name}" not in nav] == []
