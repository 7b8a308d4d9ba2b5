"""Query parameters that a route does not have, or not twice, are refused: a misspelt filter would find all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from seedcast.shared.errors import FieldError, InvalidInput


class KnownParameters:
    """What the routes of one application take from a query; `check` is a dependency for its routers."""

    def __init__(self) -> None:
        self._of_routes: dict[int, tuple[APIRoute, Mapping[str, bool]]] = {}
        """By the route's identity: routes are equal where paths and methods are, and have no hash."""

    async def check(self, request: Request) -> None:
        """Check a request's query.

        Raises:
            InvalidInput: the route has no such parameter, or it takes one value and several are given; each is
                named.
        """
        route = request.scope.get("route")
        if not request.query_params or not isinstance(route, APIRoute):
            return
        known = self._of(route)
        names = [name for name, _ in request.query_params.multi_items()]
        errors = [
            FieldError(name, _unknown(name, known) if name not in known else "is given more than once")
            for name, count in Counter(names).items()
            if name not in known or (count > 1 and not known[name])
        ]
        if errors:
            raise InvalidInput(errors)

    def _of(self, route: APIRoute) -> Mapping[str, bool]:
        """Return a route's parameters, gathered at its first request: what it has does not change."""
        if (found := self._of_routes.get(id(route))) is None:
            found = self._of_routes[id(route)] = route, _parameters(route.dependant)
        return found[1]


def _parameters(dependant: Dependant) -> dict[str, bool]:
    """Return what a route and all that it depends on take from the query, and whether of each a list."""
    found = {one.alias: get_origin(one.field_info.annotation) is list for one in dependant.query_params}
    for further in dependant.dependencies:
        found |= _parameters(further)
    return found


def _unknown(name: str, known: Collection[str]) -> str:
    if not known:
        return "is no parameter: there are none here"
    if close := get_close_matches(name, known, 1):
        return f"is no parameter; did you mean {close[0]}?"
    return f"is no parameter; there are {', '.join(sorted(known))}"
