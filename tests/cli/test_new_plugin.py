"""`semreg new-plugin`."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from semreg.cli.main import app
from semreg.scaffold.writing import TEMPLATE_OF


def test_the_command_says_what_to_do_next(tmp_path: Path) -> None:
    arguments = ["new-plugin", "semreg-fresh-scatter", "--kind", "loss", "--out", str(tmp_path / "new")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    folder = tmp_path / "new" / "semreg-fresh-scatter"
    assert result.output.startswith(f"{folder}: a plugin that works as it is; start with its README.md")
    assert f'pip install -e "{folder}[test]" && pytest {folder}' in result.output
    assert 'fresh_scatter = "semreg_fresh_scatter.functional:fresh_scatter"' in (folder / "pyproject.toml").read_text()
    assert (folder / "tests" / "test_fresh_scatter.py").is_file()
    assert (folder / "src" / "semreg_fresh_scatter" / "fresh_scatter.toml").is_file()


def test_the_help_names_all_kinds() -> None:
    said = " ".join(CliRunner().invoke(app, ["new-plugin", "--help"]).output.split())
    assert f"One of: {', '.join(TEMPLATE_OF)}." in said


def test_a_kind_is_needed_and_must_have_a_template(tmp_path: Path) -> None:
    for kind, said in (([], "Missing option '--kind'"), (["--kind", "los"], "there is no template for 'los'")):
        result = CliRunner().invoke(app, ["new-plugin", "scatter", *kind, "--out", str(tmp_path)])
        assert result.exit_code == 2
        assert said in result.output
    assert list(tmp_path.iterdir()) == []
