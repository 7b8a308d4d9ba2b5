"""Runs an application under uvicorn, the same way for the master and the worker."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from shared.errors import StartupError
from shared.guard import is_loopback
from shared.validation import field_errors

KEEP_ALIVE_SECONDS = 75
"""Longer than any client of ours keeps a connection, so that none is closed under a request."""

S = TypeVar("S", bound=BaseSettings)
log = logging.getLogger(__name__)


def bind(host: str, port: int) -> socket.socket:
    """Take a port; 0 takes a free one.

    Raises:
        StartupError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.on_shutdown is not None:
            self.on_shutdown()
        await super().shutdown(sockets)


def serve(
    app: FastAPI,
    listener: socket.socket,
    shutdown_seconds: int,
    on_shutdown: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way then get ``shutdown_seconds`` to finish.

    ``on_shutdown`` is called first, in the event loop, so that whatever would keep a request waiting can give up.
    """
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
    server.on_shutdown = on_shutdown
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
