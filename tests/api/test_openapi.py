"""The OpenAPI documents of both services, as readers and generators need them."""

from __future__ import annotations

import asyncio
import threading
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from seedcast.services.master import app as master_app
from seedcast.services.master.app import create_app as create_master
from seedcast.services.master.settings import Settings as MasterSettings
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.worker.app import create_app as create_worker
from seedcast.services.worker.metrics import Metrics
from seedcast.services.worker.settings import Settings as WorkerSettings
from seedcast.services.worker.slots.pool import SlotPool
from seedcast.shared.openapi import complete
from tests.processes import eventually

ROLES = ("master", "worker")
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@cache
def document(role: str) -> dict[str, Any]:
    if role == "worker":
        metrics = Metrics()
        return create_worker(WorkerSettings(slots=1), SlotPool(1, 1, None, metrics.count), metrics).openapi()
    with TemporaryDirectory() as folder:
        data = DataFolder(Path(folder))
        try:
            return create_master(MasterSettings(), data).openapi()
        finally:
            data.close()


def operations(role: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document(role)["paths"].items()
        for method, operation in item.items()
    ]


@pytest.mark.parametrize("role", ROLES)
def test_operations_are_named_as_what_they_do_each_once(role: str) -> None:
    names = [operation["operationId"] for _, _, operation in operations(role)]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and "__" not in name and len(name) < 40 for name in names), names


@pytest.mark.parametrize("role", ROLES)
def test_every_operation_says_what_it_does(role: str) -> None:
    assert [path for path, _, operation in operations(role) if not operation.get("description")] == []


@pytest.mark.parametrize("role", ROLES)
def test_every_field_says_what_it_is(role: str) -> None:
    without = [
        f"{name}.{key}"
        for name, schema in document(role)["components"]["schemas"].items()
        for key, field in schema.get("properties", {}).items()
        if not field.get("description")
    ]
    assert without == []


@pytest.mark.parametrize("role", ROLES)
def test_classes_have_names_of_their_own(role: str) -> None:
    schemas = document(role)["components"]["schemas"]
    assert [name for name, schema in schemas.items() if "__" in name or schema["title"] != name] == []


@pytest.mark.parametrize("role", ROLES)
def test_no_default_is_an_object_of_a_union(role: str) -> None:
    for name, schema in document(role)["components"]["schemas"].items():
        for key, field in schema.get("properties", {}).items():
            assert not (isinstance(field.get("default"), dict) and field["default"]), f"{name}.{key}"


@pytest.mark.parametrize("role", ROLES)
def test_every_error_is_documented_as_a_problem(role: str) -> None:
    for path, method, operation in operations(role):
        errors = {code: body for code, body in operation["responses"].items() if code >= "400"}
        assert {"421", "500"} <= set(errors), path
        assert all(body["content"] == PROBLEM for body in errors.values()), path
        if path not in ("/livez", "/readyz", "/metrics"):
            assert "401" in errors, path
        if method not in ("get", "head"):
            assert {"403", "415", "507"} <= set(errors), path


@pytest.mark.parametrize("role", ROLES)
def test_the_ways_to_show_a_token_are_documented(role: str) -> None:
    assert set(document(role)["components"]["securitySchemes"]) == {"bearer", "basic"}
    for path, _, operation in operations(role):
        wanted: list[Any] = (
            [] if path in ("/livez", "/readyz", "/metrics") else [{}, {"bearer": []}, {"basic": []}]
        )
        assert operation["security"] == wanted


@pytest.mark.parametrize("role", ROLES)
def test_every_reference_leads_somewhere(role: str) -> None:
    schemas = document(role)["components"]["schemas"]
    pending: list[Any] = [document(role)]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "$ref" in value:
                assert str(value["$ref"]).rpartition("/")[2] in schemas
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def test_while_the_document_is_made_others_are_answered() -> None:
    async def story() -> None:
        app, others_were, made = FastAPI(), threading.Event(), 0

        @app.get("/other")
        async def other() -> str:
            return "answered"

        complete(app)
        generate = app.openapi

        def slow() -> dict[str, Any]:
            nonlocal made
            made += 1
            assert others_were.wait(60)
            return generate()

        app.openapi = slow  # type: ignore[method-assign]
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asked = [asyncio.create_task(client.get("/openapi.json")) for _ in range(3)]
            assert (await client.get("/other")).json() == "answered"
            others_were.set()
            for reply in await asyncio.gather(*asked):
                assert "/other" in reply.json()["paths"]
        assert made == 1

    asyncio.run(story())


def test_the_masters_document_is_there_before_somebody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(master_app, "DOCUMENT_SECONDS", 0.0)
    data, made = DataFolder(tmp_path), list[int]()
    app = create_master(MasterSettings(), data)

    def make() -> dict[str, Any]:
        made.append(threading.get_ident())
        return {"paths": {}}

    monkeypatch.setattr(app, "openapi", make)
    with TestClient(app, base_url="http://localhost") as client:
        eventually(lambda: made)
        assert client.get("/openapi.json").json() == {"paths": {}}
    assert len(made) == 1
    data.close()
