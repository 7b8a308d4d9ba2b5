"""Has an application answer every error with a problem document, and a browser with a page."""

from __future__ import annotations

import html
import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from seedcast.shared.errors import Busy, InvalidInput, SeedcastError
from seedcast.shared.problems import HTTP_TYPES, MEDIA_TYPE, Problem, problem_of
from seedcast.shared.validation import field_errors

log = logging.getLogger(__name__)

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"></head>
<body><h1>{status} {title}</h1><p>{detail}</p>
<p><a href="/">All experiments</a> · <a href="/docs">API</a></p></body></html>
"""
"""What a person sees who has mistyped an address."""


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document."""

    @app.exception_handler(SeedcastError)
    async def seedcast_error(request: Request, error: SeedcastError) -> Response:
        if error.status == 500:
            log.error("%s %s: %s", request.method, request.url.path, error)
        return _for_reader(request, error_response(error), problem_of(error))

    @app.exception_handler(RequestValidationError)
    async def invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
        return error_response(InvalidInput(field_errors(error.errors(), skip=1)))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        kind = HTTP_TYPES.get(error.status_code, "about:blank")
        problem = Problem(type=kind, title=str(error.detail), status=error.status_code, detail=str(error.detail))
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(sorted(_methods(request)))
        return _for_reader(request, _response(problem, headers), problem)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.exception("%s %s", request.method, request.url.path, exc_info=error)
        return _response(problem_of(SeedcastError(type(error).__name__)))


def _for_reader(request: Request, response: JSONResponse, problem: Problem) -> Response:
    """Return a page in place of JSON to a browser that somebody looks at."""
    response.headers.append("Vary", "Accept")
    if request.method not in ("GET", "HEAD") or "text/html" not in request.headers.get("accept", ""):
        return response
    page = PAGE.format(status=problem.status, title=html.escape(problem.title), detail=html.escape(problem.detail))
    headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
    return HTMLResponse(page, response.status_code, headers)


def _methods(request: Request) -> set[str]:
    """Return every method that the path of a request is for; the router names those of the first route alone."""
    routes = [route for route in request.app.router.routes if isinstance(route, Route)]
    found = [route.methods or set() for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return set().union(*found)


def error_response(error: SeedcastError) -> JSONResponse:
    """Return the problem document of an error."""
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Busy) else None
    return _response(problem_of(error), headers)


def _response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem.model_dump(), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)
