"""Connects to a running cluster, or starts one on this machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

OWN = "local"
"""The address of a new cluster on this machine, for `ray.init`."""
SECONDS_TO_CONNECT, SECONDS_TO_JOIN = 5.0, 30.0
"""How long an address may take to answer, and Ray to make the connection."""
MEMORY = 100 * 2**20
"""Bytes of a new cluster's object store, which only has a few numbers."""
_DEFAULTS = {"RAY_USAGE_STATS_ENABLED": "0"}
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
_TOKENS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def imported() -> Any:
    """Return Ray, which doesn't report its use unless the environment allows it. Raises ValueError if it is missing."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}; `pip install semreg-ray` brings it") from None

    return ray


def connect(address: str) -> None:
    """Join the cluster at an address, as `ray.init` accepts it; without one that of RAY_ADDRESS or of the last
    `ray start` on this machine, else start a cluster on this machine, which ends with this process.

    A connected process stays connected. Raises ValueError if the address doesn't answer, and for Ray's errors.
    """
    ray = imported()
    if ray.is_initialized():
        there = ray.get_runtime_context().gcs_address
        if address not in ("", OWN, "auto", there):
            raise ValueError(f"this process is connected to the cluster at {there}")
        return
    if address.startswith(("ray://", "//")):
        raise ValueError("Ray's client is not used; give the command on a node of the cluster, with --on ray")
    found = address or _named() or OWN
    if found == OWN:
        _start()
    else:
        _join(found, address or "auto")


def _named() -> str:
    """Return the address in the environment or of the last `ray start`; empty if there is none."""
    from ray._private.services import get_ray_address_from_environment

    return get_ray_address_from_environment(None, None) or ""


def _start() -> None:
    if not any(os.environ.get(name) for name in _TOKENS):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # otherwise Ray writes one into the home folder
    with _handlers_kept():
        imported().init(OWN, include_dashboard=False, object_store_memory=MEMORY, **_QUIET)


def _join(address: str, asked: str) -> None:
    """Join in a thread, since Ray waits for minutes or for ever if something else answers.

    `asked` is the address as the user gave it: only for an address that Ray finds itself does Ray send the token that
    `ray start` requires.
    """
    if address != "auto":
        _require_answer(address)
    failed: list[BaseException] = []

    def join() -> None:
        try:
            imported().init(asked, **_QUIET)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=join, daemon=True)
    with _silent():
        thread.start()
        thread.join(SECONDS_TO_JOIN)
    if thread.is_alive():
        raise ValueError(f"{address} answers, but it is not a Ray cluster, or this machine can't join it")
    if failed:
        token = "" if os.environ.get("RAY_AUTH_MODE") else "; where it asks for a token, RAY_AUTH_MODE=token gives it"
        raise ValueError(f"Ray can't join the cluster at {address}: {' '.join(str(failed[0]).split())}{token}")


def _require_answer(address: str) -> None:
    """Raise ValueError unless something listens there."""
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and int(port) < 2**16):
        raise ValueError(f"{address!r} is not an address of a Ray cluster; expected 10.0.0.5:6379, auto or {OWN}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise ValueError(
            f"nothing answers at {address} ({why}); is the cluster there? --on ray:{OWN} starts one"
        ) from None


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Silence standard error, to which Ray's library writes each second that the connection fails."""
    before = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
    """Keep the handler of SIGTERM, which Ray would change."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
