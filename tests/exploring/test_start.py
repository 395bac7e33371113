"""A run's page from Python."""

from __future__ import annotations

import http.client
import urllib.request
from pathlib import Path

import pytest

import semreg
from semreg.exploring.start import explorer_of, write_page
from semreg.trained.run import Run


def test_a_run_is_served_until_it_is_closed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    server = semreg.explore(run)
    try:
        assert opened == [server.address]
        assert server.address in server._repr_html_()
        assert "<title>semreg explore</title>" in urllib.request.urlopen(server.address).read().decode()
    finally:
        server.close()
    with pytest.raises(OSError):
        http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=2).request("GET", "/")


def test_a_folder_is_a_run_too(folder: Path, run: Run) -> None:
    server = semreg.explore(folder, open_page=False, data_root=folder.parents[1] / "data", device="cpu")
    server.close()
    assert str(folder.parents[1] / "data") in server.answers.explorer.call
    assert explorer_of(run).call == f"semreg.open_run({str(folder)!r})"


def test_a_page_is_written_whole_and_its_size_said(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semreg.exploring.start.render", lambda explorer, images: "x" * 1_500_000)
    write_page(run, tmp_path / "deep" / "page.html", images=2)
    assert capsys.readouterr().err == "1.5 MB\n"
    assert (tmp_path / "deep" / "page.html").stat().st_size == 1_500_000


def test_a_shipped_run_is_told_by_its_name() -> None:
    assert (
        explorer_of(semreg.open_run("zoo:atnl_gm_digits", device="cpu")).call == "semreg.open_run('zoo:atnl_gm_digits')"
    )
