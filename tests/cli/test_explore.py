"""`semreg explore`."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semreg.exploring.server import Server
from tests.exploring.conftest import folder
from tests.trained.conftest import Train

__all__ = ["folder"]

Said = Callable[..., str]


def served(folder: Path, **options: Any) -> subprocess.Popen[str]:
    """The process of a server that opens no browser."""
    root = folder.parents[1]
    command = [sys.executable, "-m", "semreg", "explore", str(folder), "--no-open", "--data-root", str(root / "data")]
    environment = {**os.environ, "SEMREG_CACHE": str(root / "cache")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, **options)


@pytest.mark.slow
def test_it_serves_until_it_is_interrupted(folder: Path) -> None:
    with served(folder, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        try:
            address = re.fullmatch(r"page: (http://127\.0\.0\.1:\d+/[\w-]{32}/)\n", said)
            assert address
            assert "explore.js" in urllib.request.urlopen(address[1]).read().decode()
        finally:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "press Ctrl-C to stop serving it\n")


def test_mistakes_are_said_before_anything_is_served(
    train: Train, refused: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train()
    monkeypatch.setattr("semreg.exploring.server.Server.serve_forever", lambda self: pytest.fail("it was served"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"--port: {port} can't be used" in refused("explore", run.folder, "--no-open", "--port", port)
    assert "doesn't end in .html, or is a folder" in refused("explore", run.folder, "--static", tmp_path / "page.png")
    assert "expected one of: recipe-" in refused("explore", "recipy", "--runs", run.folder.parent)
    recipe = run.folder / "recipe.json"
    recipe.write_text(recipe.read_text().replace('"output": "reconstruction"', '"output": ""'))
    assert 'add `output = "reconstruction"`' in refused("explore", run.folder, "--no-open")


def test_a_browser_that_waits_for_the_page_gets_it(train: Train, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []
    done, serve = threading.Event(), Server.serve_forever

    def console_browser(address: str) -> bool:
        pages.append(urllib.request.urlopen(address, timeout=5).read().decode())
        done.set()
        return True

    def serve_once(server: Server) -> None:
        thread = threading.Thread(target=serve, args=(server, 0.05))
        thread.start()
        done.wait(20)
        server.shutdown()
        thread.join()

    monkeypatch.setattr("webbrowser.open", console_browser)
    monkeypatch.setattr(Server, "serve_forever", serve_once)
    said("explore", train().folder)
    assert "explore.js" in pages[0]
