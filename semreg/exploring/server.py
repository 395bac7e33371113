"""The server of a run's page: of this machine alone, and only for who was told its address.

The page, its style and its script are files beside this one; all else that it asks for `answers.py` gives. What comes
in is bounded and may be anyone's; what a person did wrong is answered by `{"error": …}`.
"""

from __future__ import annotations

import hmac
import json
import secrets
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from semreg.core import UserError
from semreg.core.errors import cause_of
from semreg.exploring.answers import Answers
from semreg.exploring.pictures import MOST_BYTES
from semreg.exploring.view import Explorer, RunGone

HOST = "127.0.0.1"
MOST_JSON = 2_000_000
"""Bytes of a request that is no image."""
MOST_PASSED_OVER = 200_000_000
"""Bytes of a request that is too long."""
IDLE, UNKNOWN = 300, 10
"""Seconds after which a connection that asks nothing is closed: of who showed the token, and before."""
MOST_CONNECTIONS = 64
"""At once, each of which is a thread; a browser opens six."""
FILES = {"": "explore.html", "explore.css": "explore.css", "explore.js": "explore.js"}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Server(ThreadingHTTPServer):
    """Serves a run's page at `address` until it is closed; `serve_forever` does, and `start` does in the background."""

    daemon_threads = True

    def __init__(self, explorer: Explorer, port: int = 0) -> None:
        """Raises UserError for a port that is taken; 0 is any free one."""
        self.answers, self.token = Answers(explorer), secrets.token_urlsafe(24)
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        try:
            super().__init__((HOST, port), Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError("--port", f"{port} can't be used ({reason}); without it a free one is taken") from None

    @property
    def address(self) -> str:
        """Where the page is. Who knows it may ask the run for pictures."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def start(self) -> None:
        """Serve in the background until `close`, or the end of the process."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()  # which `close` waits for

    def close(self) -> None:
        """Serve no longer."""
        self.shutdown()
        self.server_close()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for another connection; one too many is closed unheard."""
        return self._free.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection until it is closed."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing of a page that was closed while it was answered; all else is a fault of ours, and is told."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def _repr_html_(self) -> str:
        return f'<a href="{self.address}" target="_blank" rel="noopener">{self.address}</a>'


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "semreg", ""
    timeout = UNKNOWN
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer go out together

    def do_GET(self) -> None:
        """A file of the page, or what needs no more than its name."""
        name = self._asked()
        if name in FILES:
            path = Path(__file__).with_name(FILES[name])
            self._send(HTTPStatus.OK, path.read_bytes(), TYPES[path.suffix])
        elif name is not None:
            self._answer(self.server.answers.get.get(name), None)

    def do_POST(self) -> None:
        """What is computed for the page."""
        name = self._asked()
        if name is None:
            return
        body = self._body(MOST_BYTES if name == "encode" else MOST_JSON)
        if body is not None:
            self._answer(self.server.answers.post.get(name), body)

    def _asked(self) -> str | None:
        """What is asked for; None, and an answer, where it isn't asked at this address by who knows the token."""
        port = self.server.server_port
        own = {
            f"{host}{end}" for host in (HOST, "localhost") for end in ([f":{port}", ""] if port == 80 else [f":{port}"])
        }
        _, token, *rest = self.path.partition("?")[0].split("/", 2)
        if self.headers.get("Host", "") not in own:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this page answers only under its own address")
        elif not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "the address lacks its token; `semreg explore` printed it whole")
        else:
            self.connection.settimeout(IDLE)
            return rest[0] if rest else "?"
        return None

    def _body(self, most: int) -> bytes | None:
        """The body of a request; None, and an answer, for one without a length, or too long."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "a request says its length")
        elif len(length) > 12 or int(length) > most:
            self._pass_over(int(length[:12]))
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than the {most:,} bytes that are read")
        else:
            return self.rfile.read(int(length))
        return None

    def _pass_over(self, length: int) -> None:
        """Read what is not wanted, so far as it is bearable: a browser that is cut off hears no reason."""
        left = min(length, MOST_PASSED_OVER)
        while left > 0 and (part := self.rfile.read(min(left, 2**16))):
            left -= len(part)

    def _answer(self, answer: Callable[[Any], Any] | None, body: bytes | None) -> None:
        """What an answer gives: bytes as they are, all else as JSON; or what went wrong, in words."""
        if answer is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        try:
            found = answer(body)
        except RunGone as error:
            self._refuse(HTTPStatus.GONE, str(error))
        except (UserError, ValueError) as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except Exception as error:  # of a plugin's panel
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, cause_of(error))
        else:
            if isinstance(found, bytes):
                self._send(HTTPStatus.OK, found, "application/octet-stream")
            else:
                self._send(HTTPStatus.OK, json.dumps(found).encode(), "application/json")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self.close_connection = True  # what it still sends is not read
        self._send(status, json.dumps({"error": message}).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def end_headers(self) -> None:
        """With those that all answers have."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is the user's."""
