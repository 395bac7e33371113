"""The server of a page: for this machine, for who knows its address, and for nothing that is too large."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import semreg
from semreg.core import UserError
from semreg.exploring import server as serving
from semreg.exploring.server import HEADERS, HOST, Server
from semreg.exploring.view import Explorer

FOLDER = Path(serving.__file__).parent
VIEW = {"panel": "directions", "images": ["test:0"]}


def asked(
    server: Server, name: str = "", *, token: str | None = None, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=20)
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    path = f"/{server.token if token is None else token}/{name}"
    connection.request(method, path, content, {key.replace("_", "-"): value for key, value in headers.items()})
    answer = connection.getresponse()
    found = answer.read()
    connection.close()
    return answer.status, found, dict(answer.headers)


def test_the_page_and_what_it_asks_for_are_served(server: Server) -> None:
    status, page, _ = asked(server)
    assert status == 200
    for name in re.findall(r'(?:href|src)="([^":]+)"', page.decode()):
        assert asked(server, name)[0] == 200
    assert asked(server, "state")[0] == 200
    status, answer, _ = asked(server, "decode", method="POST", body=VIEW)
    assert status == 200
    assert json.loads(answer)["counts"] == [1]


def test_it_listens_to_this_machine_alone(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.address.startswith(f"http://127.0.0.1:{server.server_port}/")
    assert len(server.token) >= 32


@pytest.mark.parametrize("name", ["", "explore.js", "state", "decode", "nothing"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_lacks_the_token_or_comes_by_another_name_gets_nothing(server: Server, name: str, method: str) -> None:
    body = b"{}" if method == "POST" else None
    for token in ("", "x", server.token[:-1], server.token + "x", "%00"):
        status, found, _ = asked(server, name, token=token, method=method, body=body)
        assert (status, b"token" in found) == (403, True)
    for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1", "127.0.0.1:1", ""):
        status, found, _ = asked(server, name, method=method, body=body, Host=host)
        assert status == 421
        assert b"<html" not in found
    assert asked(server, name, method=method, body=body, Host=f"localhost:{server.server_port}")[0] in (200, 404, 422)


def test_every_answer_forbids_others(server: Server) -> None:
    for name, token in (("", None), ("state", None), ("nothing", None), ("", "wrong")):
        headers = asked(server, name, token=token, Origin="http://evil.example")[2]
        assert headers.items() >= HEADERS.items()
        assert not [key for key in headers if key.lower().startswith("access-control")]
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy.pop("default-src") == policy.pop("frame-ancestors") == "'none'"
    assert {source for sources in policy.values() for source in sources.split()} <= {
        "'self'",
        "'none'",
        "data:",
        "blob:",
    }


def test_bodies_are_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_JSON", 100)
    monkeypatch.setattr(serving, "MOST_BYTES", 1000)
    for name, most in (("decode", 100), ("encode", 1000)):
        status, found, _ = asked(server, name, method="POST", body=b"x" * (most + 1))
        assert (status, json.loads(found)["error"]) == (413, f"more than the {most:,} bytes that are read")
    for length in ("-1", "1e3", "", "x", "²"):
        with socket.create_connection((HOST, server.server_port), timeout=20) as connection:
            head = f"POST /{server.token}/decode HTTP/1.1\r\nHost: {HOST}:{server.server_port}\r\n"
            connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode("latin-1", "replace"))
            assert connection.recv(100).startswith(b"HTTP/1.1 411")
    assert asked(server, "state")[0] == 200


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\r\n\r\n", b"\x00\xff" * 40, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\xc3\xa9/ HTTP/1.1\r\n\r\n"],
)
def test_noise_does_not_end_it(server: Server, garbage: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection((HOST, server.server_port), timeout=20) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(10_000)
    assert asked(server, "state")[0] == 200
    assert capfd.readouterr().err == ""


def test_connections_are_bounded_and_a_strangers_wait_is_short(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 4)
    monkeypatch.setattr(serving.Handler, "timeout", 0.3)
    server = Server(explorer)
    server.start()
    with contextlib.ExitStack() as stack:
        stack.callback(server.close)
        own = stack.enter_context(contextlib.closing(http.client.HTTPConnection(HOST, server.server_port, timeout=20)))
        own.request("GET", f"/{server.token}/alive")
        assert own.getresponse().read() == b"{}"
        held = [stack.enter_context(socket.create_connection((HOST, server.server_port), timeout=20)) for _ in range(5)]
        for one in held:
            with contextlib.suppress(ConnectionError):
                one.sendall(b"GET /")
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            asked(server, "alive")
        for one in held:
            with contextlib.suppress(ConnectionError):
                assert one.recv(100) == b"", "what says no more is closed"
        assert asked(server, "alive")[0] == 200
        own.request("GET", f"/{server.token}/alive")
        assert own.getresponse().status == 200, "who showed the token may be silent for longer"


def test_port_80_is_no_part_of_a_host(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "server_port", 80, raising=False)
    port = server.server_address[1]
    for host, status in (("127.0.0.1", 200), ("127.0.0.1:80", 200), ("evil.example", 421)):
        connection = http.client.HTTPConnection(HOST, port, timeout=20)
        connection.request("GET", f"/{server.token}/alive", headers={"Host": host})
        assert connection.getresponse().status == status
        connection.close()


def test_mistakes_are_answered_in_words(server: Server) -> None:
    for body, said in (
        (b"no json", "an object of JSON"),
        ({"panel": "<b>"}, "there is no panel '<b>'"),
        ({**VIEW, "images": 3}, "a view has images"),
        ({**VIEW, "values": {"z: 1": 99}}, "z: 1 goes from -3 to 3"),
    ):
        status, found, headers = asked(server, "decode", method="POST", body=body)
        assert (status, headers["Content-Type"]) == (422, "application/json")
        assert said in json.loads(found)["error"]


def test_a_panel_that_breaks_is_an_answer(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a fault of a plugin")

    panels = server.answers.explorer.panels
    panels["directions"] = semreg.trained.panels.Panel("Broken", "", broken, images=0)  # type: ignore[arg-type]
    status, found, _ = asked(server, "decode", method="POST", body={"panel": "directions"})
    assert (status, json.loads(found)["error"]) == (500, "KeyError: 'a fault of a plugin'")
    assert capfd.readouterr().err == ""


def test_many_ask_at_once(server: Server) -> None:
    def one(place: int) -> Any:
        body = {"panel": "directions", "images": [f"test:{place % 4}"]}
        return json.loads(asked(server, "decode", method="POST", body=body)[1])["png"]

    alone = [one(place) for place in range(4)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(32))) == alone * 8


def test_a_run_that_is_deleted_is_said(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    served = Server(Explorer(semreg.open_run(copy, device="cpu")))
    served.start()
    try:
        assert asked(served, "alive")[0] == 200
        shutil.rmtree(copy)
        for name, method in (("alive", "GET"), ("state", "GET"), ("decode", "POST")):
            status, found, _ = asked(served, name, method=method, body=VIEW if method == "POST" else None)
            assert (status, json.loads(found)["error"]) == (410, f"the run's folder is gone: {copy}")
    finally:
        served.close()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_taken_is_said(explorer: Explorer, taken_port: int) -> None:
    with pytest.raises(UserError, match=f"{taken_port} can't be used .*; without it a free one is taken"):
        Server(explorer, taken_port)


class Addresses(HTMLParser):
    """The addresses, inline scripts and inline styles of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for key, value in attrs if key in ("href", "src", "action")]
        self.inline += [key for key, _ in attrs if key.startswith("on") or key == "style"]


def test_the_page_asks_no_other_address_and_writes_no_markup() -> None:
    page, script = ((FOLDER / name).read_text() for name in ("explore.html", "explore.js"))
    parser = Addresses()
    parser.feed(page)
    assert set(parser.found) == {"data:,", "explore.css", "explore.js"}
    assert not parser.inline
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|https?:", script)
    assert "url(" not in (FOLDER / "explore.css").read_text()
