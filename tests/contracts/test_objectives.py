"""Every objective of ours keeps the contract; a new one is held to it as soon as it is registered."""

from __future__ import annotations

from typing import Any

import pytest

pytest.register_assert_rewrite("seedcast.services.worker.objectives.contract")

from seedcast.services.worker.objectives.contract import ObjectiveContract  # noqa: E402
from seedcast.services.worker.objectives.registry import OBJECTIVES  # noqa: E402

DECLARED: dict[str, list[dict[str, Any]]] = {
    "ellipsoid": [{}, {"dimension": 200}],
    "sphere": [{}, {"dimension": 4099}],
}
"""The kwargs that it is tested with, where its own are not enough."""

for _plugin in OBJECTIVES.plugins:
    if _plugin.package != "seedcast" or _plugin.broken:
        continue
    for _number, _kwargs in enumerate(DECLARED.get(_plugin.name, [{}])):
        _name = f"Test{_plugin.name.title().replace('_', '')}{_number}"
        globals()[_name] = type(_name, (ObjectiveContract,), {"id": _plugin.name, "kwargs": _kwargs})


def test_no_objective_of_ours_is_broken() -> None:
    assert [plugin for plugin in OBJECTIVES.plugins if plugin.package == "seedcast" and plugin.broken] == []
