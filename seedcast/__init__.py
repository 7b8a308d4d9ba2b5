"""Seedcast, as programs use it.

::

    from seedcast import Client, Model

    with Client("http://127.0.0.1:8000") as client:
        experiment = client.wait(client.submit("configs/cartpole.yaml").id)
        client.download(experiment.id, "best_model.npz", "best_model.npz")
    action = Model.load("best_model.npz").act([0.0, 0.1, 0.0, 0.0])

What stands here is what is kept stable: `Client` and `AsyncClient` talk to a master, `Model` acts without one,
`Strategy` is what an algorithm of your own derives from, and `seedcast.contracts` holds the tests that it has to
pass. Everything is imported when it is first asked for, so that ``import seedcast`` costs nothing and works where
only a part of Seedcast is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seedcast.client import AsyncClient, Client
    from seedcast.model import Model
    from seedcast.services.master.strategies.base import Strategy
    from seedcast.shared.errors import SeedcastError
    from seedcast.shared.spec.experiment import ExperimentSpec
    from seedcast.shared.spec.parse import parse_spec

__all__ = ["AsyncClient", "Client", "ExperimentSpec", "Model", "SeedcastError", "Strategy", "parse_spec"]

_HOMES = {
    "AsyncClient": "seedcast.client",
    "Client": "seedcast.client",
    "ExperimentSpec": "seedcast.shared.spec.experiment",
    "Model": "seedcast.model",
    "SeedcastError": "seedcast.shared.errors",
    "Strategy": "seedcast.services.master.strategies.base",
    "parse_spec": "seedcast.shared.spec.parse",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute is whatever it is
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'seedcast' has no attribute {name!r}") from None
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
