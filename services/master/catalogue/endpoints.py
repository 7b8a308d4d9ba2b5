"""Endpoints that list what a specification can choose from."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from seedcast.services.master.catalogue import catalogue
from seedcast.services.master.catalogue.schemas import (
    EnvironmentList,
    PolicyList,
    StrategyDescription,
    StrategyList,
)
from seedcast.services.master.dependencies import EnvironmentsState
from seedcast.shared.packed import Packed
from seedcast.shared.problems import Problem

router = APIRouter(tags=["catalogue"])


@cache
def _described(describe: Callable[..., BaseModel], *names: str) -> Packed:
    """Return a description as it is sent: what is installed does not change while the master runs."""
    return Packed.of(describe(*names).model_dump_json().encode(), "application/json")


@router.get("/strategies", response_model=StrategyList)
async def list_strategies(request: Request) -> Response:
    """List the strategies: when to choose which, their hyperparameters, and the memory they take."""
    return _described(catalogue.strategies).answer(request.headers)


@router.get("/strategies/{name}", response_model=StrategyDescription, responses={404: {"model": Problem}})
async def show_strategy(name: str, request: Request) -> Response:
    """Show one strategy."""
    return _described(catalogue.strategy, name).answer(request.headers)


@router.get("/policies", response_model=PolicyList)
async def list_policies(request: Request) -> Response:
    """List the policies and their options."""
    return _described(catalogue.policies).answer(request.headers)


@router.get("/environments", response_model=EnvironmentList, responses={422: {"model": Problem}})
async def list_environments(
    environments: EnvironmentsState,
    text: Annotated[str, Query(max_length=200, description="Words that stand in id, family or engine.")] = "",
    limit: Annotated[int, Query(ge=1, le=5000, description="So many at most.")] = 1000,
    wait: Annotated[
        float, Query(ge=0, le=60, description="For so many seconds at most, where a worker has to be asked first.")
    ] = 0,
) -> Response:
    """List the environments of the workers that answer, with what each observes and takes."""
    return Response(await environments.page(text, limit, wait), media_type="application/json")
