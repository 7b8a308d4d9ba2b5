"""GET /experiments/{id}/events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from seedcast.services.master.dependencies import ReadersState, Service
from seedcast.services.master.events.feed import Position
from seedcast.shared.problems import Problem

router = APIRouter(tags=["experiments"], responses={404: {"model": Problem}, 422: {"model": Problem}})


@router.get(
    "/experiments/{experiment_id}/events",
    response_class=Response,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "Server-sent events.",
        },
        503: {"model": Problem},
    },
)
async def stream_events(
    experiment_id: str,
    service: Service,
    readers: ReadersState,
    after: Annotated[
        str,
        Query(max_length=64, description="The id of the last event known; none: from the start."),
    ] = "",
    brief: Annotated[
        bool, Query(description="Only that there is something new: the last of each kind, without its record.")
    ] = False,
    last_event_id: Annotated[str, Header(max_length=64, description="The same, as browsers send it.")] = "",
) -> Response:
    """Tell what is committed as it comes, as server-sent events, until the client goes.

    `generation` and `test` carry the records of `generations` and `evaluations` (without `episode_returns`),
    `status` where the experiment stands. `rolled_back` says that generations later than the one named are made
    anew, as their checkpoints were damaged. After `deleted` nothing follows. To read on after an event, its id is
    enough, also of another master.
    """
    service.require(experiment_id)
    known = last_event_id or after
    return readers.stream(experiment_id, Position.parse(known) if known else Position(), brief=brief)
