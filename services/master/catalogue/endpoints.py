"""Endpoints that list what a specification can choose from."""

from __future__ import annotations

from fastapi import APIRouter

from services.master.catalogue import catalogue
from services.master.catalogue.schemas import PolicyList, StrategyDescription, StrategyList
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
