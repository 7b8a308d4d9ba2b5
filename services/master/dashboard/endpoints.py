"""The dashboard: two pages, what they load, and an experiment's figures as plotly JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import HTMLResponse

from services.master.dashboard.assets import asset, page
from services.master.dashboard.axes import Axis
from services.master.dashboard.figures import FIGURES
from services.master.dependencies import ChartsState, Service
from shared.delivery import takes_gzip
from shared.errors import NotFound

router = APIRouter()

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# plotly.js writes its own <style> and style attributes, and saves an image by way of data: and blob:.
PLOTLY_POLICY = f"{CONTENT_SECURITY_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:"


@router.get("/", include_in_schema=False)
async def experiments_page() -> HTMLResponse:
    """Return the page that lists all experiments."""
    return await _page("index.html", CONTENT_SECURITY_POLICY)


@router.get("/dashboard/{experiment_id}", include_in_schema=False)
async def experiment_page(experiment_id: str, service: Service) -> HTMLResponse:
    """Return the page of one experiment; the page itself says so if there is no such experiment."""
    try:
        service.require(experiment_id)
    except NotFound:
        return await _page("experiment.html", PLOTLY_POLICY, NotFound.status)
    return await _page("experiment.html", PLOTLY_POLICY)


@router.get("/experiments/{experiment_id}/figures", tags=["dashboard"])
async def figure_names(experiment_id: str, service: Service) -> dict[str, list[str]]:
    """Name the figures that can be drawn of an experiment."""
    service.require(experiment_id)
    return {"figures": list(FIGURES)}


@router.get("/experiments/{experiment_id}/figures/{name}", tags=["dashboard"])
async def figure(
    experiment_id: str, name: str, service: Service, charts: ChartsState, axis: Axis = Axis.ITERATION
) -> Response:
    """Draw one figure of an experiment, as plotly JSON."""
    if name not in FIGURES:
        raise NotFound(f"there is no figure {name}; there are {', '.join(FIGURES)}")
    experiment = await service.get(experiment_id)
    figures = await charts.figures(experiment_id, axis, experiment.spec.stop.test_return)
    return _json(figures[name])


@router.get("/experiments/{experiment_id}/charts", tags=["dashboard"])
async def all_figures(
    experiment_id: str, service: Service, charts: ChartsState, axis: Axis = Axis.ITERATION
) -> Response:
    """Draw all figures of an experiment from one read: plotly JSON by name."""
    experiment = await service.get(experiment_id)
    figures = await charts.figures(experiment_id, axis, experiment.spec.stop.test_return)
    members = ",".join(f"{json.dumps(name)}:{figure}" for name, figure in figures.items())
    return _json(f"{{{members}}}")


@router.get("/static/{version}/{name}", include_in_schema=False)
async def static_file(
    version: str,
    name: str,
    accept_encoding: Annotated[str, Header()] = "",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Return an asset, compressed where the client takes it."""
    found = await asyncio.to_thread(asset, version, name)
    gzipped = takes_gzip(accept_encoding)
    etag = f'"{found.etag}{"-gzip" if gzipped else ""}"'
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": etag,
        "Vary": "Accept-Encoding",
    }
    if etag in if_none_match:
        return Response(status_code=304, headers=headers)
    headers |= {"X-Content-Type-Options": "nosniff"} | ({"Content-Encoding": "gzip"} if gzipped else {})
    return Response(found.compressed if gzipped else found.content, media_type=found.media_type, headers=headers)


async def _page(name: str, policy: str, status: int = 200) -> HTMLResponse:
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(await asyncio.to_thread(page, name), status, headers)


def _json(content: str) -> Response:
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-cache"})
