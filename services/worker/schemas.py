"""What the worker's API looks like in OpenAPI, where FastAPI cannot see it by itself.

A unit's body goes to a slot unread, so that no big one is ever decoded in the event loop; FastAPI therefore
knows nothing of its schema, which is added here.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from seedcast.shared.problems import MEDIA_TYPE, Problem
from seedcast.shared.protocol import FRAME_MEDIA_TYPE, MEMORY_HEADER, SLOTS_HEADER, ResultHeader, UnitJson
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveSpec

REFERENCE = "#/components/schemas/{model}"

CART_POLE: dict[str, Any] = {
    "environment": {"id": "CartPole-v1"},
    "policy": {"name": "linear", "bias": False},
    "parameters": [[0.0, -0.1, 0.0, -0.1, 0.0, 0.1, 0.0, 0.1], [0.0, 0.0, -1.0, -1.0, 0.0, 0.0, 1.0, 1.0]],
    "rows": [0, 1, 1],
    "seeds": [7, 7, 8],
}
"""Two linear policies on CartPole, the second on two episodes."""

SPHERE: dict[str, Any] = {
    "objective": {"id": "sphere", "kwargs": {"dimension": 2}},
    "parameters": [[0.0, 0.0], [1.0, -1.0]],
    "rows": [0, 1],
    "seeds": [0, 0],
}
"""Two solutions of an objective."""


class Result(ResultHeader):
    """What a unit's rollouts came to. A failed rollout has null, and a reason in ``failures``."""

    returns: list[float | None] = Field(description="Plain returns.")
    fitness: list[float | None] = Field(description="Shaped returns.")
    lengths: list[int] = Field(description="Steps.")
    observation_sums: list[list[float]] | None = Field(default=None, description="By rollout, where asked for.")
    observation_squares: list[list[float]] | None = Field(default=None, description="By rollout, where asked for.")


class Health(BaseModel):
    """It is well."""

    status: str = Field(default="ok", description="Always `ok`.")


def problems(**reasons: str) -> dict[int | str, dict[str, Any]]:
    """Declare the problems an endpoint may answer with: ``problems(_422="a field is wrong")``."""
    return {
        int(status.removeprefix("_")): {
            "description": reason,
            "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}},
        }
        for status, reason in reasons.items()
    }


def json_body(model: type[BaseModel], example: dict[str, Any], **other: dict[str, Any]) -> dict[str, Any]:
    """Declare a body that the endpoint reads by itself: JSON of ``model``, or ``other`` media types."""
    schema = {"$ref": REFERENCE.format(model=model.__name__)}
    content = {"application/json": {"schema": schema, "example": example}, **other}
    return {"requestBody": {"required": True, "content": content}}


BINARY: dict[str, Any] = {FRAME_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
"""A frame (see `seedcast.shared.frame`)."""


SLOTS: dict[str, Any] = {
    "name": SLOTS_HEADER,
    "in": "header",
    "description": "Of a frame: how many slots are to share it, each with some of its rollouts.",
    "schema": {"type": "integer", "minimum": 1, "default": 1},
}

MEMORY: dict[str, Any] = {
    MEMORY_HEADER: {
        "description": "Resident memory of the worker and its slots together, in bytes, where it knows.",
        "schema": {"type": "integer", "minimum": 0},
    }
}


def add_schemas(app: FastAPI) -> None:
    """Put the models that endpoints only refer to into the application's OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            models = [
                (model, "validation") for model in (UnitJson, EnvironmentSpec, ObjectiveSpec, Result, Problem)
            ]
            _, extra = models_json_schema(models, ref_template=REFERENCE)  # type: ignore[arg-type]
            document = generate()
            known = document.setdefault("components", {}).setdefault("schemas", {})
            document["components"]["schemas"] = extra["$defs"] | known
        return app.openapi_schema or generate()

    app.openapi = openapi  # type: ignore[method-assign]
