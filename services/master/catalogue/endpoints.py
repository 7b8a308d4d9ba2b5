"""Endpoints that list what a specification can choose from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.master.catalogue import catalogue
from services.master.catalogue.schemas import EnvironmentList, PolicyList, StrategyDescription, StrategyList
from services.master.dependencies import EnvironmentsState
from shared.problems import Problem

router = APIRouter(tags=["catalogue"])


@router.get("/strategies")
async def list_strategies() -> StrategyList:
    """List the strategies: when to choose which, their hyperparameters, and the memory they take."""
    return catalogue.strategies()


@router.get("/strategies/{name}", responses={404: {"model": Problem}})
async def show_strategy(name: str) -> StrategyDescription:
    """Show one strategy."""
    return catalogue.strategy(name)


@router.get("/policies")
async def list_policies() -> PolicyList:
    """List the policies and their options."""
    return catalogue.policies()


@router.get("/environments", responses={422: {"model": Problem}})
async def list_environments(
    environments: EnvironmentsState,
    text: Annotated[str, Query(max_length=200, description="Words that stand in id, family or engine.")] = "",
    limit: Annotated[int, Query(ge=1, le=5000, description="So many at most.")] = 1000,
) -> EnvironmentList:
    """List the environments of the workers that answer, with what each observes and takes."""
    found = await environments.find(text)
    return EnvironmentList(environments=found[:limit], total=len(found))
