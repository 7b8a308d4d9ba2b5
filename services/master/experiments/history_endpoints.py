"""The REST endpoints of an experiment's history: pages of at most 1,000 records, passed on as they are stored."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from seedcast.services.master.dependencies import Service
from seedcast.services.master.experiments.schemas import EvaluationPage, GenerationPage
from seedcast.services.master.experiments.service import ExperimentService
from seedcast.services.master.storage.pages import LARGEST_PAGE, Table
from seedcast.shared.problems import Problem

router = APIRouter(
    prefix="/experiments/{experiment_id}",
    tags=["experiments"],
    responses={404: {"model": Problem}, 422: {"model": Problem}},
)
After = Annotated[int, Query(ge=-1, lt=2**63, description="Only later generations than this.")]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="So many records at most.")]
Every = Annotated[int, Query(ge=1, le=10**9, description="Every so-manieth record only, and always the last one.")]
Newest = Annotated[bool, Query(description="The last `limit` records instead of the first ones.")]
Format = Annotated[Literal["json", "csv"], Query(description="CSV has a column for each figure.")]
ALSO_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("/generations", response_model=GenerationPage, responses=ALSO_CSV)
async def list_generations(
    experiment_id: str,
    service: Service,
    after: After = -1,
    limit: Limit = LARGEST_PAGE,
    every: Every = 1,
    newest: Newest = False,
    format: Format = "json",  # noqa: A002 - the query parameter's name
) -> Response:
    """Return committed generations, oldest first; go on with `after` = `next_after` while that is not null."""
    texts = await _texts(service, "generations", experiment_id, after, limit, every, newest)
    return await _page("generations", texts, limit, format, more=not newest)


@router.get("/evaluations", response_model=EvaluationPage, responses=ALSO_CSV)
async def list_evaluations(
    experiment_id: str,
    service: Service,
    after: After = -1,
    limit: Limit = LARGEST_PAGE,
    every: Every = 1,
    newest: Newest = False,
    format: Format = "json",  # noqa: A002 - the query parameter's name
) -> Response:
    """Return tests, oldest first; go on with `after` = `next_after` while that is not null."""
    texts = await _texts(service, "tests", experiment_id, after, limit, every, newest)
    return await _page("evaluations", texts, limit, format, more=not newest)


@router.get("/history", response_model=GenerationPage, deprecated=True)
async def list_history(
    experiment_id: str, service: Service, after: After = -1, limit: Limit = LARGEST_PAGE
) -> Response:
    """Return committed generations: the former name of `generations`."""
    texts = await _texts(service, "generations", experiment_id, after, limit)
    return await _page("generations", texts, limit)


@router.get("/tests", deprecated=True)
async def list_tests(
    experiment_id: str, service: Service, after: After = -1, limit: Limit = LARGEST_PAGE
) -> Response:
    """Return tests: the former name of `evaluations`."""
    texts = await _texts(service, "tests", experiment_id, after, limit)
    return await _page("tests", texts, limit)


async def _texts(
    service: ExperimentService,
    table: Table,
    experiment_id: str,
    after: int,
    limit: int,
    every: int = 1,
    newest: bool = False,
) -> list[str]:
    service.require(experiment_id)
    if newest:
        return await service.history.newest(table, experiment_id, limit)
    return await service.history.page(table, experiment_id, after, limit, every)


async def _page(
    name: str,
    texts: list[str],
    limit: int,
    format: str = "json",  # noqa: A002
    *,
    more: bool = True,
) -> Response:
    """Return a page; `next_after` is null on the last one, and may name an empty page after it."""
    if format == "csv":
        return Response(await asyncio.to_thread(_csv, texts), media_type="text/csv; charset=utf-8")
    following = json.loads(texts[-1])["generation"] if more and len(texts) == limit else None
    content = f'{{"{name}":[{",".join(texts)}],"next_after":{json.dumps(following)}}}'
    return Response(content, media_type="application/json")


def _csv(texts: list[str]) -> str:
    rows = [_flat(json.loads(text)) for text in texts]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested figures under dotted names; lists are left out, but for the fingerprints."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif name == "fingerprints":
            flat[name] = " ".join(value)
        elif not isinstance(value, list):
            flat[prefix + name] = value
    return flat
