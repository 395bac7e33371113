"""The server of a run's page: only for this machine, and only for users who have its secret address.

The page, its style and its script are files beside this one; `answers.py` answers all other requests. Requests are
limited in size and may come from anyone; the answer to a user's error is `{"error": …}`.
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
"""The most bytes of a request that is not an image."""
MOST_PASSED_OVER = 200_000_000
"""The most bytes of a too long request that are read."""
IDLE, UNKNOWN = 300, 10
"""Seconds after which an idle connection is closed: after it has shown the token, and before."""
MOST_CONNECTIONS = 64
"""The most connections at once; each uses a thread, and a browser opens six."""
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
    """Serves a run's page at `address` until it is closed: `serve_forever` here, `start` in the background."""

    daemon_threads = True

    def __init__(self, explorer: Explorer, port: int = 0) -> None:
        """Listen on a port; 0 is any free one. Raises UserError for a used port."""
        self.answers, self.token = Answers(explorer), secrets.token_urlsafe(24)
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        try:
            super().__init__((HOST, port), Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError("--port", f"{port} can't be used ({reason}); without it a free one is taken") from None

    @property
    def address(self) -> str:
        """The address of the page. Anyone who has it may ask the run for pictures."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def start(self) -> None:
        """Serve in the background until `close`, or the end of the process."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()  # `close` waits for it

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Return whether there is room for another connection; one too many is closed without an answer."""
        return self._free.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection until it is closed."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a page that was closed during its answer; report all else, which is a bug of semreg."""
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
    wbufsize = -1  # send head and body of an answer together

    def do_GET(self) -> None:
        """Answer with a file of the page, or with data that need only a name."""
        name = self._asked()
        if name in FILES:
            path = Path(__file__).with_name(FILES[name])
            self._send(HTTPStatus.OK, path.read_bytes(), TYPES[path.suffix])
        elif name is not None:
            self._answer(self.server.answers.get.get(name), None)

    def do_POST(self) -> None:
        """Answer with data that are computed for the page."""
        name = self._asked()
        if name is None:
            return
        body = self._body(MOST_BYTES if name == "encode" else MOST_JSON)
        if body is not None:
            self._answer(self.server.answers.post.get(name), body)

    def _asked(self) -> str | None:
        """Return the requested name; None, after an answer, if the address or the token is wrong."""
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
        """Return the body of a request; None, after an answer, if it has no length or is too long."""
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
        """Read an unwanted body up to a limit: a browser whose connection is cut doesn't show the reason."""
        left = min(length, MOST_PASSED_OVER)
        while left > 0 and (part := self.rfile.read(min(left, 2**16))):
            left -= len(part)

    def _answer(self, answer: Callable[[Any], Any] | None, body: bytes | None) -> None:
        """Send an answer: bytes unchanged, all else as JSON; or the error as text."""
        if answer is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        try:
            found = answer(body)
        except RunGone as error:
            self._refuse(HTTPStatus.GONE, str(error))
        except (UserError, ValueError) as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except Exception as error:  # from a plugin's panel
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, cause_of(error))
        else:
            if isinstance(found, bytes):
                self._send(HTTPStatus.OK, found, "application/octet-stream")
            else:
                self._send(HTTPStatus.OK, json.dumps(found).encode(), "application/json")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self.close_connection = True  # the rest of the request is not read
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
        """Add the headers of all answers."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the terminal is the user's."""
