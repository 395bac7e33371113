"""The report as a file: whole, where a run is, and by the hook that writes it at the end."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from semreg.core import UserError, plugin_manager
from semreg.core.errors import CannotWrite
from semreg.core.hookspecs import hookimpl
from semreg.report import page as report
from semreg.report.writing import ReportWriter, write_report
from semreg.store.recipes import write_recipe


def test_a_folder_without_a_run_is_refused(tmp_path: Path, fake_run: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        write_report(tmp_path)
    with pytest.raises(UserError, match="did you mean 'olr_celeba-3f9c1a'"):
        write_report(fake_run.with_name("olr_celeba-3f9c1b"))


def test_the_hook_writes_the_file_whole(fake_run: Path) -> None:
    class Run:
        folder, name = fake_run, "olr_celeba"

        def warn(self, message: str) -> None:
            raise AssertionError(message)

    before = {path.name for path in fake_run.iterdir()}
    ReportWriter().run_finished(Run())
    assert {path.name for path in fake_run.iterdir()} == before | {"report.html"}
    assert (fake_run / "report.html").read_text() == report.render(fake_run)


def test_the_report_of_another_recipe_is_a_file_of_its_own(fake_run: Path) -> None:
    own = write_report(fake_run)
    before = own.read_text()
    write_recipe(fake_run, "other", {"description": "Another"})
    ReportWriter().run_finished(SimpleNamespace(folder=fake_run, name="other"))
    assert (fake_run / "report-other.html").read_text() == report.render(fake_run, "other") != before
    assert own.read_text() == before
    assert write_report(fake_run, "other") == fake_run / "report-other.html"


def test_a_report_that_cannot_be_written_leaves_the_one_before(fake_run: Path) -> None:
    (fake_run / "report.html").mkdir()
    with pytest.raises(CannotWrite, match="fix this; then the same command writes the report"):
        write_report(fake_run)
    assert not list(fake_run.glob(".*.part"))
    (fake_run / "report.html").rmdir()
    assert write_report(fake_run) == fake_run / "report.html"


def test_a_path_that_is_no_text_hinders_no_report(fake_run: Path) -> None:
    record = json.loads((fake_run / "run.json").read_text())
    (fake_run / "run.json").write_text(json.dumps(record | {"command": "semreg run \udcff.toml"}))
    assert "semreg run ?.toml" in write_report(fake_run).read_text()


def test_the_hook_is_the_last_that_hears_of_the_end(fake_run: Path) -> None:
    there: list[bool] = []

    class Other:
        @hookimpl
        def run_finished(self) -> None:
            there.append((fake_run / "report.html").exists())

    manager = plugin_manager.no_hooks()
    for plugin in (Other(), ReportWriter(), Other()):
        manager.register(plugin)
    plugin_manager.call(manager, "run_finished", run=SimpleNamespace(folder=fake_run, name="olr_celeba"))
    assert there == [False, False]
    assert (fake_run / "report.html").exists()
