"""Reads an experiment's specification from a request body, JSON or YAML."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import yaml
from fastapi import Depends, Request

from seedcast.shared.errors import PayloadTooLarge
from seedcast.shared.guard import JSON_TYPES, media_type
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.parse import parse_spec

MAX_BODY_BYTES = 65_536
EXAMPLE = {
    "name": "cartpole",
    "environment": {"id": "CartPole-v1"},
    "policy": {"name": "linear"},
    "strategy": {"name": "pgpe"},
    "population_size": 32,
    "stop": {"generations": 100, "test_return": 475},
    "test": {"every": 5, "episodes": 20},
}

_SCHEMA = {"$ref": "#/components/schemas/ExperimentSpec"}
REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _SCHEMA, "example": EXAMPLE},
            "application/yaml": {"schema": _SCHEMA, "example": yaml.safe_dump(EXAMPLE, sort_keys=False)},
        },
    }
}
"""What OpenAPI says of such a body."""


async def read_body(request: Request) -> bytes:
    """Read a specification's body.

    Raises:
        PayloadTooLarge: it is longer than any specification.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise PayloadTooLarge(f"a specification has at most {MAX_BODY_BYTES} bytes")
    return body


async def _spec_of_body(request: Request) -> ExperimentSpec:
    """Read and check the body, beside the event loop: YAML is slow."""
    body = await read_body(request)
    return await asyncio.to_thread(parse_spec, body, only_json=media_type(request.headers) in JSON_TYPES)


SpecBody = Annotated[ExperimentSpec, Depends(_spec_of_body)]
