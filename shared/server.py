"""Runs an application under uvicorn, the same way for the master and the worker."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from seedcast.shared.errors import StartupError
from seedcast.shared.garbage import settle
from seedcast.shared.guard import is_loopback
from seedcast.shared.validation import field_errors

KEEP_ALIVE_SECONDS = 75
"""Longer than any client of ours keeps a connection, so that none is closed under a request."""
SWITCH_SECONDS = 0.001
"""How long a busy thread keeps Python's lock while others want it. The event loop wants it several times a
request, and at Python's own 5 ms waits so long for each busy thread each time: of three, a tenth of a second.
Several threads that want nothing but the lock get 5% less done."""
LEAVE_SECONDS = 2.5
"""Whoever watches a worker asks at least this often how it is: a master, every second."""

S = TypeVar("S", bound=BaseSettings)
log = logging.getLogger(__name__)


def bind(host: str, port: int) -> socket.socket:
    """Take a port; 0 takes a free one.

    Raises:
        StartupError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Of this protocol by name: asyncio has connections of such a socket send small parts at once (TCP_NODELAY).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise StartupError(f"cannot listen on {host}:{port}: {reason}") from error
    return listener


class _Server(uvicorn.Server):
    """Says that it is going to stop before it waits for the requests under way."""

    on_shutdown: Callable[[], None] | None = None
    has_taken_leave: Callable[[], bool] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settle()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.on_shutdown is not None:
            self.on_shutdown()
        if (grace := self.config.timeout_graceful_shutdown) and self.has_taken_leave is not None:
            begun = time.monotonic()
            await self._take_leave(begun + min(LEAVE_SECONDS, grace), self.has_taken_leave)
            self.config.timeout_graceful_shutdown = max(0, grace - round(time.monotonic() - begun))
        await super().shutdown(sockets)

    async def _take_leave(self, until: float, done: Callable[[], bool]) -> None:
        """Go on answering until it is done, nobody is connected, or it is time."""
        while self.server_state.connections and not (done() or self.force_exit):
            if time.monotonic() > until:
                return
            await asyncio.sleep(0.05)


def serve(
    app: FastAPI,
    listener: socket.socket,
    shutdown_seconds: int,
    on_shutdown: Callable[[], None] | None = None,
    has_taken_leave: Callable[[], bool] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way then get ``shutdown_seconds`` to finish.

    ``on_shutdown`` is called first, in the event loop, so that whatever would keep a request waiting can give up.
    Until ``has_taken_leave`` whoever is connected is still answered, for `LEAVE_SECONDS` of that time at most.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    host, port = listener.getsockname()[:2]
    log.info("listening on http://%s:%d", host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=shutdown_seconds,
    )
    server = _Server(config)
    server.on_shutdown, server.has_taken_leave = on_shutdown, has_taken_leave
    server.run(sockets=[listener])


def read_settings(settings: Callable[[], S]) -> S:
    """Read settings from the environment.

    Raises:
        StartupError: one is wrong; it is named as the environment variable.
    """
    try:
        return settings()
    except ValidationError as error:
        prefix = str(getattr(settings, "model_config", {}).get("env_prefix", ""))
        wrong = [f"{prefix}{item.field}".upper() + f": {item.reason}" for item in field_errors(error.errors())]
        raise StartupError("; ".join(wrong)) from error


def require_credentials(host: str, guarded: bool, prefix: str, variable: str) -> None:
    """Refuse to be reached by everybody; ``guarded`` says that somebody has thought of that.

    Raises:
        StartupError: the host is not loopback, and nothing guards it.
    """
    if not guarded and not is_loopback(host):
        raise StartupError(
            f"{prefix}HOST={host} lets others than this machine call: set {prefix}{variable}, or, where something "
            f"else keeps strangers away, {prefix}ALLOW_ANONYMOUS=true"
        )


def only_checked(settings: BaseSettings) -> bool:
    """Say whether the command line asks to check the settings alone (`--check`), which have passed by now."""
    if "--check" not in sys.argv[1:]:
        return False
    log.info("the settings are valid: %s", ", ".join(sorted(settings.model_fields_set)) or "all are the defaults")
    return True


def run_main(main: Callable[[], None], name: str) -> NoReturn:
    """Run a server's main function; what stops its start is one line, with exit code 2."""
    try:
        main()
    except StartupError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    raise SystemExit(0)
