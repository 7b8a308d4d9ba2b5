"""The public package's surface."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import seedcast
from seedcast.client import AsyncClient, Client


def test_every_public_name_is_there_and_no_other() -> None:
    for name in seedcast.__all__:
        assert getattr(seedcast, name).__name__ == name
    with pytest.raises(AttributeError, match="Nonsense"):
        seedcast.Nonsense  # noqa: B018


def test_importing_the_package_imports_nothing_of_weight() -> None:
    code = "import seedcast, sys; print({'numpy', 'httpx', 'pydantic'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_both_clients_have_the_same_calls() -> None:
    public = {name for name in vars(Client) if not name.startswith("_")}
    assert public == {name for name in vars(AsyncClient) if not name.startswith("_")}
    for name in public - {"url"}:
        signature = str(inspect.signature(getattr(AsyncClient, name))).replace("AsyncIterator", "Iterator")
        assert str(inspect.signature(getattr(Client, name))) == signature, name
        assert inspect.getdoc(getattr(Client, name)) == inspect.getdoc(getattr(AsyncClient, name)), name
