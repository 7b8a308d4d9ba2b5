"""The dashboard: its pages, what they load, and what is made for charts alone."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from seedcast.services.master.dashboard.assets import Page, asset, page_html
from seedcast.services.master.dashboard.comparison import MOST_RUNS, Against, GroupCurves, group_curves, lines_of
from seedcast.services.master.dashboard.presets import PresetList, presets
from seedcast.services.master.dependencies import ColumnsState, PricesState, Service, Studies
from seedcast.services.master.experiments.prices import Prices
from seedcast.services.master.storage.pages import MOST_POINTS
from seedcast.shared.errors import NotFound
from seedcast.shared.packed import Once, Packed
from seedcast.shared.problems import Problem

router = APIRouter()

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# plotly.js writes its own <style> and style attributes, and saves an image by way of data: and blob:.
PLOTLY_POLICY = f"{CONTENT_SECURITY_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:"

EXPERIMENTS = Page("experiments.html", "Experiments", "experiments_page.js", 0)
SUBMIT = Page("submit.html", "New experiment", "submit_page.js", 1, inner="environments.html")
COMPARE = Page("compare.html", "Compare", "compare_page.js", 1, charts=True)
FLEET = Page("fleet.html", "Fleet", "fleet_page.js", 1, "dashboard/fleet", charts=True)
STUDIES = Page("studies.html", "Studies", "studies_page.js", 1, "dashboard/studies")
STUDY_SUBMIT = Page("submit.html", "New study", "study_submit_page.js", 2, "dashboard/studies", "study_words.html")
STUDY = Page("study.html", "Study", "study_page.js", 2, "dashboard/studies", charts=True)
EXPERIMENT = Page("experiment.html", "Experiment", "experiment_page.js", 1, charts=True)
_EXACT = {"submit": SUBMIT, "compare": COMPARE, "fleet": FLEET, "studies": STUDIES}
"""An experiment's id has a random suffix: none is one of these words."""
_PRESETS = Once(presets)


@router.get("/", include_in_schema=False)
async def experiments_page(request: Request, prices: PricesState) -> Response:
    """Return the page that lists all experiments."""
    return await _html(EXPERIMENTS, prices, request)


@router.get("/dashboard/studies/{study_id}", include_in_schema=False)
async def study_page(study_id: str, request: Request, studies: Studies, prices: PricesState) -> Response:
    """Return the page of one study, which itself says so if there is no such study; or that of a new one."""
    if study_id == "new":  # every study's id has a random suffix
        return await _html(STUDY_SUBMIT, prices, request)
    try:
        await studies.report(study_id)
    except NotFound:
        return await _html(STUDY, prices, request, NotFound.status)
    return await _html(STUDY, prices, request)


@router.get("/dashboard/{name}", include_in_schema=False)
async def page(name: str, request: Request, service: Service, prices: PricesState) -> Response:
    """Return a page, or that of an experiment; the page itself says so if there is no such experiment."""
    if name in _EXACT:
        return await _html(_EXACT[name], prices, request)
    try:
        service.require(name)
    except NotFound:
        return await _html(EXPERIMENT, prices, request, NotFound.status)
    return await _html(EXPERIMENT, prices, request)


@router.get("/experiments/{experiment_id}/columns", tags=["dashboard"], responses={404: {"model": Problem}})
async def history_columns(
    experiment_id: str,
    service: Service,
    columns: ColumnsState,
    after: Annotated[int, Query(ge=0, lt=2**63, description="The last generation that the page has.")] = 0,
    every: Annotated[int, Query(ge=1, le=2**31, description="The spacing of what it has.")] = 1,
    most: Annotated[int, Query(ge=10, le=MOST_POINTS, description="Records at most.")] = MOST_POINTS,
) -> Response:
    """Return a history in columns, for charts: thinned without losing extremes, and only what is new."""
    experiment = await service.get(experiment_id)
    content = await columns.read(experiment, after, every, most)
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-cache"})


@router.get("/comparison", tags=["dashboard"], responses={404: {"model": Problem}, 422: {"model": Problem}})
async def compare_groups(
    service: Service,
    run: Annotated[list[str], Query(min_length=1, max_length=MOST_RUNS, description="Experiments.")],
    tag: Annotated[str, Query(max_length=100, description="Runs with the same value of it are a group.")] = "",
    against: Annotated[Against, Query(description="What was used.")] = "environment_steps",
) -> GroupCurves:
    """Return the test return of groups of runs, with intervals over their runs."""
    experiments = [await service.get(experiment_id) for experiment_id in dict.fromkeys(run)]
    names = [experiment.id for experiment in experiments]
    lines = await service.history.look(lambda connection: lines_of(connection, names, against))
    return await asyncio.to_thread(group_curves, experiments, lines, tag, against)


@router.get("/presets", tags=["dashboard"], response_model=PresetList)
async def list_presets(request: Request) -> Response:
    """List specifications to begin with."""
    return (await _PRESETS.get()).answer(request.headers)


@router.get("/static/{version}/{name}", include_in_schema=False)
async def static_file(version: str, name: str, request: Request) -> Response:
    """Return an asset, compressed where the client takes it."""
    found = await asyncio.to_thread(asset, version, name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return found.answer(request.headers, headers)


async def _html(page: Page, prices: Prices, request: Request, status: int = 200) -> Response:
    headers = {
        "Content-Security-Policy": PLOTLY_POLICY if page.charts else CONTENT_SECURITY_POLICY,
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return (await _packed(page, prices).get()).answer(request.headers, headers, status)


@cache
def _packed(page: Page, prices: Prices) -> Once:
    """Return a page as it is sent: it does not change while the master runs."""
    return Once(lambda: Packed.of(page_html(page, prices).encode(), "text/html; charset=utf-8"))
